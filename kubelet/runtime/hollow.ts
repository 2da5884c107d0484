// A runtime without an engine: sandboxes and containers are entries in maps, starting them takes
// as long as the Clock says. For many nodes in one process, and for the simulation.
//
// Annotations of a pod steer its containers: `hollow.wherry/run-ms` (how long they run; absent:
// until stopped) and `hollow.wherry/exit-code`.

import { PassThrough, Readable } from 'node:stream';
import type { Clock } from '../../machinery/clock.ts';
import type { Random } from '../../machinery/random.ts';
import type {
  Container,
  ContainerConfig,
  Image,
  Observation,
  Runtime,
  RuntimeEvent,
  RuntimeInfo,
  Sandbox,
  SandboxConfig,
  Session,
} from './runtime.ts';

const RUN_MS = 'hollow.wherry/run-ms';
const EXIT_CODE = 'hollow.wherry/exit-code';
/** Addresses of a /24 that pods may get: without the network, the node and the broadcast. */
const HOSTS_MAX = 253;

export interface HollowOptions {
  readonly nodeIp: string;
  /** A /24 such as `10.244.1.0/24`. */
  readonly podCidr: string;
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly sandboxMs: number;
  readonly startMs: number;
  /** Between a polite signal and the end. */
  readonly stopMs: number;
}

export const HOLLOW_DEFAULTS = {
  cpus: 32,
  memoryBytes: 256 * 1024 ** 3,
  sandboxMs: 5,
  startMs: 80,
  stopMs: 50,
} as const;

interface Parts {
  readonly clock: Clock;
  readonly random: Random;
}

export const hollowRuntime = (options: HollowOptions, parts: Parts): Runtime =>
  new HollowRuntime(options, parts);

class HollowRuntime implements Runtime {
  readonly isSimulated = true;
  readonly nodeIp: string;
  readonly #options: HollowOptions;
  readonly #parts: Parts;
  readonly #sandboxes = new Map<string, Sandbox>();
  readonly #containers = new Map<string, Container>();
  readonly #configs = new Map<string, ContainerConfig>();
  readonly #listeners = new Set<(event: RuntimeEvent) => void>();
  readonly #freeHosts: number[] = Array.from({ length: HOSTS_MAX }, (_, index) => index + 2);

  constructor(options: HollowOptions, parts: Parts) {
    this.nodeIp = options.nodeIp;
    this.#options = options;
    this.#parts = parts;
  }

  async open(): Promise<void> {}

  async info(): Promise<RuntimeInfo> {
    return {
      name: 'hollow',
      version: '1.0.0',
      kernelVersion: 'hollow',
      osImage: 'Hollow',
      architecture: 'x86_64',
      cpus: this.#options.cpus,
      memoryBytes: this.#options.memoryBytes,
    };
  }

  async list(): Promise<Observation> {
    return {
      sandboxes: [...this.#sandboxes.values()],
      containers: [...this.#containers.values()],
    };
  }

  async runSandbox(config: SandboxConfig): Promise<Sandbox> {
    await this.#parts.clock.sleep(this.#options.sandboxMs);
    const host = config.isHostNetwork ? undefined : this.#freeHosts.shift();
    if (!config.isHostNetwork && host === undefined) throw new Error('no pod address is free');
    const sandbox: Sandbox = {
      id: this.#newId(),
      pod: config.pod,
      attempt: config.attempt,
      isRunning: true,
      ip: host === undefined ? '' : this.#options.podCidr.replace(/\.\d+\/\d+$/, `.${host}`),
      createdAtMs: this.#parts.clock.now(),
    };
    this.#sandboxes.set(sandbox.id, sandbox);
    return sandbox;
  }

  async removeSandbox(id: string): Promise<void> {
    const sandbox = this.#sandboxes.get(id);
    if (!sandbox) return;
    this.#sandboxes.delete(id);
    if (sandbox.ip !== '') this.#freeHosts.push(Number(sandbox.ip.split('.')[3]));
    this.#tell({ type: 'sandbox', podUid: sandbox.pod.uid, id });
  }

  async inspectSandbox(id: string): Promise<Sandbox | undefined> {
    return this.#sandboxes.get(id);
  }

  async createContainer(sandbox: Sandbox, config: ContainerConfig): Promise<string> {
    if (!this.#sandboxes.has(sandbox.id)) throw new Error(`no sandbox ${sandbox.id}`);
    const id = this.#newId();
    this.#configs.set(id, config);
    this.#containers.set(id, {
      id,
      pod: config.pod,
      name: config.name,
      attempt: config.attempt,
      sandboxId: sandbox.id,
      image: config.image,
      imageId: `sha256:${'0'.repeat(64)}`,
      state: 'created',
      createdAtMs: this.#parts.clock.now(),
      stopSignal: config.stopSignal ?? 'SIGTERM',
      terminationLog: '',
      isTty: config.tty,
    });
    return id;
  }

  async startContainer(id: string): Promise<Container> {
    await this.#parts.clock.sleep(this.#options.startMs);
    const created = this.#containers.get(id);
    if (!created) throw new Error(`no container ${id}`);
    const started: Container = {
      ...created,
      state: 'running',
      startedAtMs: this.#parts.clock.now(),
    };
    this.#containers.set(id, started);
    const { annotations = {} } = this.#configs.get(id) ?? {};
    if (annotations[RUN_MS] !== undefined) {
      const exitCode = Number(annotations[EXIT_CODE] ?? 0);
      this.#parts.clock.after(Number(annotations[RUN_MS]), () => this.#end(id, exitCode));
    }
    return started;
  }

  async inspectContainer(id: string): Promise<Container | undefined> {
    return this.#containers.get(id);
  }

  async signalContainer(id: string, signal: string): Promise<void> {
    if (this.#containers.get(id)?.state !== 'running') return;
    if (signal === 'SIGKILL') this.#end(id, 137);
    else this.#parts.clock.after(this.#options.stopMs, () => this.#end(id, 143));
  }

  async removeContainer(id: string): Promise<void> {
    this.#containers.delete(id);
    this.#configs.delete(id);
  }

  async image(name: string): Promise<Image> {
    return { id: 'sha256:hollow', names: [name], digests: [], sizeBytes: 0, user: '1000' };
  }

  pullImage(name: string): Promise<Image> {
    return this.image(name);
  }

  async images(): Promise<readonly Image[]> {
    return [];
  }

  async exec(): Promise<Session> {
    throw new Error('a hollow container has no processes');
  }

  async attach(): Promise<Session> {
    const stdout = new PassThrough();
    stdout.end();
    return { stdout, exitCode: Promise.resolve(0), resize: async () => {}, close() {} };
  }

  async logs(id: string): Promise<Readable> {
    const name = this.#containers.get(id)?.name ?? '';
    return Readable.from([`hollow container ${name}\n`]);
  }

  async usage(): Promise<undefined> {}

  async *events(signal: AbortSignal): AsyncGenerator<RuntimeEvent> {
    const pending: RuntimeEvent[] = [];
    let wake = (): void => {};
    const listener = (event: RuntimeEvent): void => {
      pending.push(event);
      wake();
    };
    this.#listeners.add(listener);
    const onAbort = (): void => wake();
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      while (!signal.aborted) {
        const event = pending.shift();
        if (event) yield event;
        else {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      }
    } finally {
      this.#listeners.delete(listener);
      signal.removeEventListener('abort', onAbort);
    }
  }

  async maintain(): Promise<void> {}

  async destroy(): Promise<void> {
    this.#sandboxes.clear();
    this.#containers.clear();
    this.#configs.clear();
  }

  #end(id: string, exitCode: number): void {
    const running = this.#containers.get(id);
    if (running?.state !== 'running') return;
    const finishedAtMs = this.#parts.clock.now();
    this.#containers.set(id, { ...running, state: 'exited', exitCode, finishedAtMs });
    this.#tell({ type: 'container', podUid: running.pod.uid, id });
  }

  #tell(event: RuntimeEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  #newId(): string {
    return `${this.#parts.random.uuid()}${this.#parts.random.uuid()}`.replaceAll('-', '');
  }
}
