// Sandboxes: pause containers that hold a pod's network and IPC. Making one costs most of a pod
// start, so a few are kept ready; a pod that needs nothing special claims one by renaming it.
//
//   maintain ─► pool ──rename──► sandbox of a pod          (2 ms)
//   special needs, empty pool ─► create, start, inspect    (over 200 ms)

import type Dockerode from 'dockerode';
import type { Random } from '../../../machinery/random.ts';
import { suffix } from '../../../machinery/random.ts';
import type { PodRef, Sandbox, SandboxConfig } from '../runtime.ts';
import {
  type DockerOptions,
  isConflict,
  isNotFound,
  removeForce,
  timeOf,
  unlessGone,
} from './engine.ts';
import { isPoolName, isSandbox, LABEL, parseName, poolNameOf, sandboxNameOf } from './names.ts';
import { networkNameOf } from './network.ts';
import { PAUSE_IMAGE } from './pause.ts';

const PAUSE_MEMORY_BYTES = 16 * 1024 * 1024; // It needs 4 KiB; the engine's least is 6 MiB.

interface Ready {
  readonly id: string;
  readonly ip: string;
  readonly createdAtMs: number;
}

export class Sandboxes {
  readonly #docker: Dockerode;
  readonly #options: DockerOptions;
  readonly #random: Random;
  readonly #pool: Ready[] = [];
  /** Taken out of the pool, whatever an older list may call them. */
  readonly #claimed = new Set<string>();

  constructor(docker: Dockerode, options: DockerOptions, random: Random) {
    this.#docker = docker;
    this.#options = options;
    this.#random = random;
  }

  get missing(): number {
    return Math.max(0, this.#options.poolSize - this.#pool.length);
  }

  async run(config: SandboxConfig): Promise<Sandbox> {
    const name = sandboxNameOf(config.pod, config.attempt);
    if (isPlain(config)) {
      const claimed = await this.#claim(name);
      if (claimed) {
        return { ...claimed, pod: config.pod, attempt: config.attempt, isRunning: true };
      }
    }
    const made = await this.#make(name, settingsOf(config));
    return { ...made, pod: config.pod, attempt: config.attempt, isRunning: true };
  }

  async inspect(id: string): Promise<Sandbox | undefined> {
    const found = await unlessGone(this.#docker.getContainer(id).inspect());
    const owned = found && parseName(found.Name);
    if (!found || !owned || !isSandbox(owned)) return undefined;
    return {
      id: found.Id,
      pod: owned.pod,
      attempt: owned.attempt,
      isRunning: found.State.Running,
      ip: this.#ipOf(found.NetworkSettings.Networks),
      createdAtMs: timeOf(found.Created) ?? 0,
    };
  }

  /** A sandbox as the engine's list tells of it; undefined when it is none. */
  fromList(info: Dockerode.ContainerInfo): Sandbox | undefined {
    const owned = parseName(info.Names[0] ?? '');
    if (!owned || !isSandbox(owned)) return undefined;
    return {
      id: info.Id,
      pod: owned.pod,
      attempt: owned.attempt,
      isRunning: info.State === 'running',
      ip: this.#ipOf(info.NetworkSettings.Networks),
      createdAtMs: info.Created * 1000,
    };
  }

  async remove(id: string): Promise<void> {
    await removeForce(this.#docker, id);
    this.#claimed.delete(id);
  }

  /** Makes the pool what the engine's list shows of it: of a former run, or after a gap. */
  async adopt(infos: readonly Dockerode.ContainerInfo[]): Promise<void> {
    const listed = infos.filter(
      (info) => isPoolName(info.Names[0] ?? '') && !this.#claimed.has(info.Id),
    );
    this.#pool.length = 0;
    for (const info of listed) {
      const ip = this.#ipOf(info.NetworkSettings.Networks);
      const isUsable = info.State === 'running' && ip !== '' && this.missing > 0;
      if (isUsable) this.#pool.push({ id: info.Id, ip, createdAtMs: info.Created * 1000 });
      else await this.remove(info.Id);
    }
  }

  async refillOne(): Promise<void> {
    const { cluster, node } = this.#options;
    const name = poolNameOf(cluster, node, suffix(this.#random, 8));
    this.#pool.push(await this.#make(name, { labels: { [LABEL.pooled]: 'true' } }));
  }

  /** A ready sandbox that died must not be handed out. */
  forget(id: string): void {
    const index = this.#pool.findIndex((ready) => ready.id === id);
    if (index < 0) return;
    this.#pool.splice(index, 1);
    void this.remove(id).catch(() => {}); // The next start of this node removes it too.
  }

  async #claim(name: string): Promise<Ready | undefined> {
    for (let ready = this.#pool.shift(); ready !== undefined; ready = this.#pool.shift()) {
      this.#claimed.add(ready.id);
      try {
        await this.#docker.getContainer(ready.id).rename({ name });
        return ready;
      } catch (error) {
        this.#claimed.delete(ready.id);
        if (!isNotFound(error)) {
          this.#pool.unshift(ready);
          throw error;
        }
      }
    }
    return undefined;
  }

  async #make(name: string, settings: Settings): Promise<Ready> {
    const { cluster, node } = this.#options;
    const network = settings.host?.NetworkMode ?? networkNameOf(this.#options);
    const create = {
      name,
      Image: PAUSE_IMAGE,
      Entrypoint: ['/pause'],
      ...(settings.hostname !== undefined && { Hostname: settings.hostname }),
      ...(settings.exposed && { ExposedPorts: settings.exposed }),
      Labels: {
        [LABEL.cluster]: cluster,
        [LABEL.node]: node,
        [LABEL.type]: 'sandbox',
        ...settings.labels,
      },
      HostConfig: {
        NetworkMode: network,
        IpcMode: 'shareable',
        CapDrop: ['ALL'],
        SecurityOpt: ['no-new-privileges'],
        Memory: PAUSE_MEMORY_BYTES,
        LogConfig: { Type: 'none', Config: {} },
        RestartPolicy: { Name: 'no' },
        ...settings.host,
      },
    } satisfies Dockerode.ContainerCreateOptions;
    const container = await this.#createAnew(create);
    await container.start();
    const { Created, NetworkSettings } = await container.inspect();
    return {
      id: container.id,
      ip: this.#ipOf(NetworkSettings.Networks),
      createdAtMs: timeOf(Created) ?? 0,
    };
  }

  /** A sandbox of the same name is one that a former run could not finish. */
  async #createAnew(create: Dockerode.ContainerCreateOptions): Promise<Dockerode.Container> {
    try {
      return await this.#docker.createContainer(create);
    } catch (error) {
      if (!isConflict(error)) throw error;
      await this.remove(create.name ?? '');
      return this.#docker.createContainer(create);
    }
  }

  #ipOf(networks: Readonly<Record<string, { IPAddress?: string } | undefined>>): string {
    return networks[networkNameOf(this.#options)]?.IPAddress ?? '';
  }
}

interface Settings {
  readonly labels?: Readonly<Record<string, string>>;
  readonly hostname?: string;
  readonly exposed?: Record<string, Record<string, never>>;
  readonly host?: Dockerode.HostConfig;
}

/** True when a sandbox from the pool will do. */
export const isPlain = (config: SandboxConfig): boolean =>
  !config.hasOwnHostname &&
  !config.isHostNetwork &&
  !config.isHostPid &&
  !config.isHostIpc &&
  !config.sharesProcesses &&
  config.hostPorts.length === 0 &&
  Object.keys(config.sysctls).length === 0;

function settingsOf(config: SandboxConfig): Settings {
  const ports = config.hostPorts.map((port) => ({
    key: `${port.containerPort}/${port.protocol.toLowerCase()}`,
    binding: { HostIp: port.hostIp, HostPort: String(port.hostPort) },
  }));
  return {
    ...(!config.isHostNetwork && { hostname: config.hostname }),
    labels: labelsOf(config.pod),
    ...(ports.length > 0 && { exposed: Object.fromEntries(ports.map(({ key }) => [key, {}])) }),
    host: {
      ...(config.isHostNetwork && { NetworkMode: 'host' }),
      ...(config.isHostPid && { PidMode: 'host' }),
      ...(config.isHostIpc && { IpcMode: 'host' }),
      ...(Object.keys(config.sysctls).length > 0 && { Sysctls: { ...config.sysctls } }),
      ...(ports.length > 0 && {
        PortBindings: Object.fromEntries(ports.map(({ key, binding }) => [key, [binding]])),
      }),
    },
  };
}

export const labelsOf = (pod: PodRef): Record<string, string> => ({
  [LABEL.podUid]: pod.uid,
  [LABEL.podName]: pod.name,
  [LABEL.podNamespace]: pod.namespace,
});
