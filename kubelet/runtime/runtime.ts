// What the kubelet needs of a container engine, after the shape of CRI: a sandbox holds a pod's
// network and IPC, containers join it. `docker` drives a real engine, `hollow` simulates one.
// The runtime is also the kubelet's memory: what it lists is all that survives a restart.

import type { Readable, Writable } from 'node:stream';

/** Which pod a sandbox or container belongs to; kept in names and labels of the engine. */
export interface PodRef {
  readonly uid: string;
  readonly name: string;
  readonly namespace: string;
}

export interface HostPort {
  readonly hostPort: number;
  readonly hostIp: string;
  readonly containerPort: number;
  readonly protocol: string;
}

export interface SandboxConfig {
  readonly pod: PodRef;
  readonly attempt: number;
  readonly hostname: string;
  /** The pod asks for this very hostname, so it must be right from the first instruction on. */
  readonly hasOwnHostname: boolean;
  readonly isHostNetwork: boolean;
  readonly isHostPid: boolean;
  readonly isHostIpc: boolean;
  readonly sharesProcesses: boolean;
  readonly sysctls: Readonly<Record<string, string>>;
  readonly hostPorts: readonly HostPort[];
}

export interface Sandbox {
  readonly id: string;
  readonly pod: PodRef;
  readonly attempt: number;
  readonly isRunning: boolean;
  /** '' on the host's network. */
  readonly ip: string;
  readonly createdAtMs: number;
}

export interface Mount {
  readonly hostPath: string;
  readonly containerPath: string;
  readonly isReadOnly: boolean;
  readonly propagation?: 'rprivate' | 'rslave' | 'rshared';
}

export interface ResourceLimits {
  readonly cpuShares?: number;
  /** CPU time in microseconds a period of 100 ms. */
  readonly cpuQuota?: number;
  readonly memoryBytes?: number;
}

export interface ContainerSecurity {
  /** `uid`, `uid:gid`; absent: the image's own. */
  readonly user?: string;
  readonly groups: readonly string[];
  readonly isPrivileged: boolean;
  readonly isReadOnlyRoot: boolean;
  readonly forbidsNewPrivileges: boolean;
  readonly addCapabilities: readonly string[];
  readonly dropCapabilities: readonly string[];
  readonly seccomp: 'default' | 'unconfined';
  readonly unmasksProc: boolean;
}

export interface ContainerConfig {
  readonly pod: PodRef;
  readonly name: string;
  readonly attempt: number;
  /** The reference as the pod spells it. */
  readonly image: string;
  /** Absent: the image's entry point and arguments. */
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly workingDir?: string;
  readonly env: readonly string[];
  readonly mounts: readonly Mount[];
  readonly tty: boolean;
  readonly stdin: boolean;
  readonly stdinOnce: boolean;
  readonly limits: ResourceLimits;
  readonly security: ContainerSecurity;
  readonly hostname: string;
  /** File on the host that the container's termination message path leads to. */
  readonly terminationLog: string;
  readonly isHostPid: boolean;
  readonly isHostIpc: boolean;
  readonly sharesProcesses: boolean;
  /** Signal that asks it to end; absent: the image's own, or SIGTERM. */
  readonly stopSignal?: string;
  readonly annotations: Readonly<Record<string, string>>;
}

export interface Container {
  readonly id: string;
  readonly pod: PodRef;
  readonly name: string;
  readonly attempt: number;
  readonly sandboxId: string;
  readonly image: string;
  readonly imageId: string;
  readonly state: 'created' | 'running' | 'exited';
  readonly createdAtMs: number;
  readonly startedAtMs?: number;
  readonly finishedAtMs?: number;
  readonly exitCode?: number;
  readonly isOomKilled?: boolean;
  /** Why the engine could not start it. */
  readonly error?: string;
  readonly stopSignal: string;
  readonly terminationLog: string;
  readonly isTty: boolean;
}

export interface Image {
  readonly id: string;
  readonly names: readonly string[];
  readonly digests: readonly string[];
  readonly sizeBytes: number;
  /** '' is root. */
  readonly user: string;
}

export interface ExecOptions {
  readonly command: readonly string[];
  readonly tty: boolean;
  readonly stdin: boolean;
}

/** A process one can talk to; `exitCode` settles after its output ended. */
export interface Session {
  /** Ending it closes the process's standard input. */
  readonly stdin?: Writable;
  readonly stdout: Readable;
  /** Absent with a terminal, where both come as one. */
  readonly stderr?: Readable;
  readonly exitCode: Promise<number>;
  resize(width: number, height: number): Promise<void>;
  /** Breaks off: a command ends with its session, a container that was attached to lives on. */
  close(): void;
}

export interface LogOptions {
  readonly follow: boolean;
  readonly timestamps: boolean;
  readonly tailLines?: number;
  readonly sinceMs?: number;
}

export interface Usage {
  readonly cpuNanos: number;
  readonly memoryBytes: number;
}

export type RuntimeEvent =
  | { readonly type: 'container'; readonly podUid: string; readonly id: string }
  | { readonly type: 'sandbox'; readonly podUid: string; readonly id: string }
  /** Events may have been missed: list. */
  | { readonly type: 'gap' };

export interface RuntimeInfo {
  readonly name: string;
  readonly version: string;
  readonly kernelVersion: string;
  readonly osImage: string;
  readonly architecture: string;
  readonly cpus: number;
  readonly memoryBytes: number;
}

export interface Observation {
  readonly sandboxes: readonly Sandbox[];
  readonly containers: readonly Container[];
}

export interface Runtime {
  /** Nothing really runs: pods need neither files nor variables. */
  readonly isSimulated: boolean;
  /** Makes the network and the pause image, adopts what is there. Call once, first. */
  open(): Promise<void>;
  info(): Promise<RuntimeInfo>;
  /** Address of this node on its pod network. */
  readonly nodeIp: string;
  /** All sandboxes and containers of pods on this node, dead ones too. */
  list(): Promise<Observation>;

  runSandbox(config: SandboxConfig): Promise<Sandbox>;
  /** Ends it and everything in it. Fine when it is gone. */
  removeSandbox(id: string): Promise<void>;
  inspectSandbox(id: string): Promise<Sandbox | undefined>;

  createContainer(sandbox: Sandbox, config: ContainerConfig): Promise<string>;
  /** Rejects when the engine cannot start it; the container then stays with its `error`. */
  startContainer(id: string): Promise<Container>;
  inspectContainer(id: string): Promise<Container | undefined>;
  /** Fine when it is gone or not running. */
  signalContainer(id: string, signal: string): Promise<void>;
  removeContainer(id: string): Promise<void>;

  /** Undefined when it is not on this node. */
  image(name: string): Promise<Image | undefined>;
  pullImage(name: string, signal: AbortSignal): Promise<Image>;
  images(): Promise<readonly Image[]>;

  exec(id: string, options: ExecOptions): Promise<Session>;
  attach(id: string, options: Omit<ExecOptions, 'command'>): Promise<Session>;
  /** Standard output and error in the order they were written. */
  logs(id: string, options: LogOptions, signal: AbortSignal): Promise<Readable>;
  usage(id: string): Promise<Usage | undefined>;
  events(signal: AbortSignal): AsyncIterable<RuntimeEvent>;

  /** Keeps the pool of ready sandboxes filled; call when the node has time for it. */
  maintain(signal: AbortSignal): Promise<void>;
  /** Removes every container and the network of this node. */
  destroy(): Promise<void>;
}
