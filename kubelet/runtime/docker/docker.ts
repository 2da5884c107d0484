// The runtime that drives a Docker engine: each concern in a file of its own, put together here.

import type { Readable } from 'node:stream';
import type Dockerode from 'dockerode';
import type { Clock } from '../../../machinery/clock.ts';
import type { Log } from '../../../machinery/log.ts';
import type { Random } from '../../../machinery/random.ts';
import type {
  Container,
  ContainerConfig,
  ExecOptions,
  Image,
  LogOptions,
  Observation,
  Runtime,
  RuntimeEvent,
  RuntimeInfo,
  Sandbox,
  SandboxConfig,
  Session,
  Usage,
} from '../runtime.ts';
import { Containers } from './containers.ts';
import { connect, type DockerOptions, messageOf, removeForce } from './engine.ts';
import { engineEvents, runtimeEventOf } from './events.ts';
import { ensurePauseImage, findImage, listImages, pull } from './images.ts';
import { isPoolName, LABEL, parseName } from './names.ts';
import { ensureNetwork, gatewayOf, removeNetwork } from './network.ts';
import { Sandboxes } from './sandboxes.ts';
import { attach, exec, logs } from './streams.ts';
import { usageOf } from './usage.ts';

const RECONNECT_MS = 1000;
/** Refill only once nothing has started for so long: a start must not wait for the stock. */
const QUIET_MS = 250;

export interface DockerParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** As Node names it: `x64`. */
  readonly architecture: string;
}

export const dockerRuntime = (options: DockerOptions, parts: DockerParts): Runtime =>
  new DockerRuntime(connect(options.socketPath), options, parts);

class DockerRuntime implements Runtime {
  readonly isSimulated = false;
  readonly nodeIp: string;
  readonly #docker: Dockerode;
  readonly #options: DockerOptions;
  readonly #parts: DockerParts;
  readonly #sandboxes: Sandboxes;
  readonly #containers: Containers;
  #lastStartMs = 0;

  constructor(docker: Dockerode, options: DockerOptions, parts: DockerParts) {
    this.nodeIp = gatewayOf(options.podCidr);
    this.#docker = docker;
    this.#options = options;
    this.#parts = parts;
    this.#sandboxes = new Sandboxes(docker, options, parts.random);
    this.#containers = new Containers(docker, options);
  }

  async open(): Promise<void> {
    try {
      await this.#docker.ping();
    } catch (error) {
      const { socketPath } = this.#options;
      throw new Error(`no Docker engine answers at ${socketPath}: ${messageOf(error)}`);
    }
    await Promise.all([
      ensureNetwork(this.#docker, this.#options),
      ensurePauseImage(this.#docker, this.#parts.architecture),
    ]);
    await this.#sandboxes.adopt(await this.#infos());
  }

  async info(): Promise<RuntimeInfo> {
    const info = (await this.#docker.info()) as Readonly<Record<string, unknown>>;
    const text = (key: string): string => String(info[key] ?? '');
    return {
      name: 'docker',
      version: text('ServerVersion'),
      kernelVersion: text('KernelVersion'),
      osImage: text('OperatingSystem'),
      architecture: text('Architecture'),
      cpus: Number(info.NCPU ?? 1),
      memoryBytes: Number(info.MemTotal ?? 0),
    };
  }

  async list(): Promise<Observation> {
    const infos = await this.#infos();
    const sandboxes = infos.map((info) => this.#sandboxes.fromList(info));
    const members = infos.filter((info) => info.Labels[LABEL.type] === 'container');
    const named = members.filter((info) => parseName(info.Names[0] ?? ''));
    return {
      sandboxes: sandboxes.filter((sandbox) => sandbox !== undefined),
      containers: await this.#containers.fromList(named),
    };
  }

  async runSandbox(config: SandboxConfig): Promise<Sandbox> {
    this.#lastStartMs = this.#parts.clock.now();
    return this.#sandboxes.run(config);
  }

  removeSandbox(id: string): Promise<void> {
    return this.#sandboxes.remove(id);
  }

  inspectSandbox(id: string): Promise<Sandbox | undefined> {
    return this.#sandboxes.inspect(id);
  }

  createContainer(sandbox: Sandbox, config: ContainerConfig): Promise<string> {
    return this.#containers.create(sandbox, config);
  }

  async startContainer(id: string): Promise<Container> {
    this.#lastStartMs = this.#parts.clock.now();
    return this.#containers.start(id);
  }

  inspectContainer(id: string): Promise<Container | undefined> {
    return this.#containers.inspect(id);
  }

  signalContainer(id: string, signal: string): Promise<void> {
    return this.#containers.signal(id, signal);
  }

  removeContainer(id: string): Promise<void> {
    return this.#containers.remove(id);
  }

  image(name: string): Promise<Image | undefined> {
    return findImage(this.#docker, name);
  }

  pullImage(name: string, signal: AbortSignal): Promise<Image> {
    return pull(this.#docker, name, signal);
  }

  images(): Promise<readonly Image[]> {
    return listImages(this.#docker);
  }

  exec(id: string, options: ExecOptions): Promise<Session> {
    return exec({ docker: this.#docker, clock: this.#parts.clock }, id, options);
  }

  attach(id: string, options: Omit<ExecOptions, 'command'>): Promise<Session> {
    return attach(this.#docker, id, options);
  }

  async logs(id: string, options: LogOptions, signal: AbortSignal): Promise<Readable> {
    const { Config } = await this.#docker.getContainer(id).inspect();
    return logs(this.#docker, id, { options, isTty: Config.Tty, signal });
  }

  usage(id: string): Promise<Usage | undefined> {
    return usageOf(id);
  }

  async *events(signal: AbortSignal): AsyncGenerator<RuntimeEvent> {
    const { clock, log } = this.#parts;
    while (!signal.aborted) {
      try {
        for await (const event of engineEvents(this.#docker, this.#options, signal)) {
          if (isPoolName(event.name)) this.#sandboxes.forget(event.id);
          const translated = runtimeEventOf(event);
          if (translated) yield translated;
        }
      } catch (error) {
        if (signal.aborted) return;
        log.warn('the engine stopped telling its events', { error });
      }
      if (signal.aborted) return;
      await clock.sleep(RECONNECT_MS, signal).catch(() => {});
      await this.#adoptPool();
      yield { type: 'gap' };
    }
  }

  async maintain(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#parts;
    while (!signal.aborted) {
      try {
        const isQuiet = clock.now() - this.#lastStartMs >= QUIET_MS;
        if (isQuiet && this.#sandboxes.missing > 0) await this.#sandboxes.refillOne();
        else await clock.sleep(QUIET_MS, signal);
      } catch (error) {
        if (signal.aborted) return;
        log.warn('could not make a sandbox ahead of time', { error });
        await clock.sleep(RECONNECT_MS, signal).catch(() => {});
      }
    }
  }

  async destroy(): Promise<void> {
    const infos = await this.#infos();
    const members = infos.filter((info) => info.Labels[LABEL.type] === 'container');
    const rest = infos.filter((info) => !members.includes(info));
    for (const group of [members, rest]) {
      await Promise.all(group.map((info) => removeForce(this.#docker, info.Id)));
    }
    await removeNetwork(this.#docker, this.#options);
  }

  /** The engine may have been down: what died then was told to nobody. */
  async #adoptPool(): Promise<void> {
    try {
      await this.#sandboxes.adopt(await this.#infos());
    } catch {
      // Still down: the next connection fails too, and comes by here again.
    }
  }

  #infos(): Promise<Dockerode.ContainerInfo[]> {
    const { cluster, node } = this.#options;
    return this.#docker.listContainers({
      all: true,
      filters: { label: [`${LABEL.cluster}=${cluster}`, `${LABEL.node}=${node}`] },
    });
  }
}
