// Containers of pods: made joined to their sandbox, read back by label. What the engine says of
// a container that has ended never changes, so it is asked once.

import type Dockerode from 'dockerode';
import type { Container, ContainerConfig, Sandbox } from '../runtime.ts';
import {
  type DockerOptions,
  isConflict,
  isNotFound,
  isNotModified,
  removeForce,
  timeOf,
  unlessGone,
} from './engine.ts';
import { containerNameOf, LABEL, parseName } from './names.ts';
import { wasOutOfMemory } from './oom.ts';
import { labelsOf } from './sandboxes.ts';
import { setHostname } from './uts.ts';

/** A talkative pod fills no disk: so much, in as many files. The older ones are compressed. */
const LOG_BYTES_MAX = '20m';
const LOG_FILES_MAX = '5';
const KILLED = 137; // 128 + SIGKILL.
const CPU_PERIOD_MICROS = 100_000;
const LIST_INSPECTS_MAX = 8; // More at once only queue up inside the engine.

export class Containers {
  readonly #docker: Dockerode;
  readonly #options: DockerOptions;
  /** What is known of each container that the last list showed. */
  #known = new Map<string, Container>();

  constructor(docker: Dockerode, options: DockerOptions) {
    this.#docker = docker;
    this.#options = options;
  }

  async create(sandbox: Sandbox, config: ContainerConfig): Promise<string> {
    const create = createOptionsOf(sandbox, config, this.#options);
    try {
      return (await this.#docker.createContainer(create)).id;
    } catch (error) {
      if (!isConflict(error)) throw error;
      await this.remove(create.name ?? ''); // Left by a start that was cut short.
      return (await this.#docker.createContainer(create)).id;
    }
  }

  async start(id: string): Promise<Container> {
    try {
      await this.#docker.getContainer(id).start();
    } catch (error) {
      if (!isNotModified(error)) throw error;
    }
    const info = await this.#docker.getContainer(id).inspect();
    const hostname = info.Config.Labels[LABEL.hostname];
    if (hostname && info.State.Pid > 0) await setHostname(info.State.Pid, hostname);
    return this.#remember(info);
  }

  async inspect(id: string): Promise<Container | undefined> {
    const info = await unlessGone(this.#docker.getContainer(id).inspect());
    if (!info || !parseName(info.Name)) return undefined;
    return this.#remember(info);
  }

  async signal(id: string, signal: string): Promise<void> {
    try {
      await this.#docker.getContainer(id).kill({ signal });
    } catch (error) {
      // 409: it is not running. 404: it is gone. Either way there is nothing left to signal.
      if (!isNotFound(error) && !isConflict(error)) throw error;
    }
  }

  async remove(id: string): Promise<void> {
    await removeForce(this.#docker, id);
    this.#known.delete(id);
  }

  async fromList(infos: readonly Dockerode.ContainerInfo[]): Promise<readonly Container[]> {
    const next = new Map<string, Container>();
    const unknown: string[] = [];
    for (const info of infos) {
      const known = this.#known.get(info.Id);
      if (known && known.state === stateOf(info.State)) next.set(info.Id, known);
      else unknown.push(info.Id);
    }
    this.#known = next;
    for (let i = 0; i < unknown.length; i += LIST_INSPECTS_MAX) {
      await Promise.all(unknown.slice(i, i + LIST_INSPECTS_MAX).map((id) => this.inspect(id)));
    }
    return [...this.#known.values()];
  }

  async #remember(info: Dockerode.ContainerInspectInfo): Promise<Container> {
    const isOomKilled = mayBeOom(info) && (await wasOutOfMemory(info.Id));
    const container = { ...containerOf(info), ...(isOomKilled && { isOomKilled }) };
    this.#known.set(container.id, container);
    return container;
  }
}

export function stateOf(state: string): Container['state'] {
  if (state === 'running' || state === 'paused' || state === 'restarting') return 'running';
  return state === 'created' ? 'created' : 'exited';
}

/** Killed within a memory limit, and the engine does not say what for. */
const mayBeOom = ({ State: state, HostConfig: host }: Dockerode.ContainerInspectInfo): boolean =>
  !state.Running && state.ExitCode === KILLED && !state.OOMKilled && (host.Memory ?? 0) > 0;

function containerOf(info: Dockerode.ContainerInspectInfo): Container {
  const { State: state, Config: config } = info;
  const labels = config.Labels;
  const owned = parseName(info.Name);
  const startedAtMs = timeOf(state.StartedAt);
  const finishedAtMs = timeOf(state.FinishedAt);
  const error = state.Error;
  return {
    id: info.Id,
    pod: owned?.pod ?? { uid: '', name: '', namespace: '' },
    name: owned?.container ?? '',
    attempt: owned?.attempt ?? 0,
    sandboxId: labels[LABEL.sandbox] ?? '',
    image: labels[LABEL.image] ?? config.Image,
    imageId: info.Image,
    state: stateOf(state.Status),
    createdAtMs: timeOf(info.Created) ?? 0,
    ...(startedAtMs !== undefined && { startedAtMs }),
    ...(finishedAtMs !== undefined && { finishedAtMs }),
    ...(stateOf(state.Status) !== 'running' && { exitCode: state.ExitCode }),
    ...(state.OOMKilled && { isOomKilled: true }),
    ...(error && { error }),
    stopSignal: (config as { StopSignal?: string }).StopSignal ?? 'SIGTERM',
    terminationLog: labels[LABEL.terminationLog] ?? '',
    isTty: config.Tty,
  };
}

function createOptionsOf(
  sandbox: Sandbox,
  config: ContainerConfig,
  { cluster, node }: DockerOptions,
): Dockerode.ContainerCreateOptions {
  const { pod } = config;
  return {
    name: containerNameOf(pod, config.name, config.attempt),
    Image: config.image,
    ...(config.command && { Entrypoint: [...config.command] }),
    ...(config.args && { Cmd: [...config.args] }),
    ...(config.workingDir !== undefined && { WorkingDir: config.workingDir }),
    ...(config.security.user !== undefined && { User: config.security.user }),
    ...(config.stopSignal !== undefined && { StopSignal: config.stopSignal }),
    Env: [...config.env],
    Tty: config.tty,
    OpenStdin: config.stdin,
    StdinOnce: config.stdinOnce,
    Healthcheck: { Test: ['NONE'] }, // Pods have probes; an image's own check would only cost.
    Labels: {
      ...labelsOf(pod),
      [LABEL.cluster]: cluster,
      [LABEL.node]: node,
      [LABEL.type]: 'container',
      [LABEL.container]: config.name,
      [LABEL.attempt]: String(config.attempt),
      [LABEL.sandbox]: sandbox.id,
      [LABEL.image]: config.image,
      [LABEL.terminationLog]: config.terminationLog,
      ...(config.hostname !== '' && { [LABEL.hostname]: config.hostname }),
    },
    HostConfig: hostConfigOf(sandbox, config),
  };
}

function hostConfigOf(sandbox: Sandbox, config: ContainerConfig): Dockerode.HostConfig {
  const { limits, security } = config;
  const join = `container:${sandbox.id}`;
  const pidMode = config.isHostPid ? 'host' : config.sharesProcesses ? join : undefined;
  return {
    NetworkMode: join,
    IpcMode: config.isHostIpc ? 'host' : join,
    ...(pidMode && { PidMode: pidMode }),
    Mounts: config.mounts.map((mount) => ({
      Type: 'bind',
      Source: mount.hostPath,
      Target: mount.containerPath,
      ReadOnly: mount.isReadOnly,
      ...(mount.propagation && { BindOptions: { Propagation: mount.propagation } }),
    })),
    LogConfig: { Type: 'local', Config: { 'max-size': LOG_BYTES_MAX, 'max-file': LOG_FILES_MAX } },
    RestartPolicy: { Name: 'no' },
    ...(limits.cpuShares !== undefined && { CpuShares: limits.cpuShares }),
    ...(limits.cpuQuota !== undefined && {
      CpuPeriod: CPU_PERIOD_MICROS,
      CpuQuota: limits.cpuQuota,
    }),
    // No swap beyond the memory limit, as a limit that swaps is none.
    ...(limits.memoryBytes !== undefined && {
      Memory: limits.memoryBytes,
      MemorySwap: limits.memoryBytes,
    }),
    Privileged: security.isPrivileged,
    ReadonlyRootfs: security.isReadOnlyRoot,
    CapAdd: [...security.addCapabilities],
    CapDrop: [...security.dropCapabilities],
    GroupAdd: [...security.groups],
    SecurityOpt: securityOptionsOf(config),
    ...(security.unmasksProc && { MaskedPaths: [], ReadonlyPaths: [] }),
  };
}

function securityOptionsOf({ security }: ContainerConfig): string[] {
  return [
    ...(security.forbidsNewPrivileges ? ['no-new-privileges'] : []),
    ...(security.seccomp === 'unconfined' ? ['seccomp=unconfined'] : []),
  ];
}
