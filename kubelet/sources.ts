// ConfigMaps and Secrets that pods of this node refer to: each is watched by name while a pod
// needs it, and shared between pods. The kubelet may see nothing else of their kinds.

import { createInformer } from '../client/informer.ts';
import type { Informer } from '../client/lister.ts';
import type { Clock } from '../machinery/clock.ts';
import type { Log } from '../machinery/log.ts';
import { keyFor } from '../machinery/object.ts';
import type { Random } from '../machinery/random.ts';
import type { Transport } from '../machinery/transport.ts';
import type { ConfigMap, Secret } from '../proto/generated/core.v1.ts';
import { CONFIG_MAPS, SECRETS } from '../proto/generated/resources.ts';
import type { ApiObject, Resource } from '../proto/resource.ts';
import type { Objects } from './env/env.ts';
import type { References } from './pods/references.ts';

export interface SourcesOptions {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Told of each pod that an object changed for, after its first sight. */
  readonly onChange: (podUid: string) => void;
}

interface Watched<T extends ApiObject> {
  readonly informer: Informer<T>;
  readonly users: Set<string>;
  readonly stop: AbortController;
}

export class Sources {
  readonly #configMaps: Watches<ConfigMap>;
  readonly #secrets: Watches<Secret>;

  constructor(options: SourcesOptions) {
    this.#configMaps = new Watches(CONFIG_MAPS, options);
    this.#secrets = new Watches(SECRETS, options);
  }

  /** Resolves once the present state of all references is known. Cheap when it is already. */
  async acquire(podUid: string, namespace: string, references: References): Promise<void> {
    const waits = [
      ...[...references.configMaps].map((name) =>
        this.#configMaps.acquire(podUid, namespace, name),
      ),
      ...[...references.secrets].map((name) => this.#secrets.acquire(podUid, namespace, name)),
    ];
    await Promise.all(waits);
  }

  release(podUid: string): void {
    this.#configMaps.release(podUid);
    this.#secrets.release(podUid);
  }

  objects(namespace: string): Objects {
    return {
      configMap: (name) => this.#configMaps.get(keyFor(namespace, name)),
      secret: (name) => this.#secrets.get(keyFor(namespace, name)),
    };
  }

  close(): void {
    this.#configMaps.close();
    this.#secrets.close();
  }
}

class Watches<T extends ApiObject> {
  readonly #resource: Resource<T>;
  readonly #options: SourcesOptions;
  readonly #watched = new Map<string, Watched<T>>();

  constructor(resource: Resource<T>, options: SourcesOptions) {
    this.#resource = resource;
    this.#options = options;
  }

  acquire(podUid: string, namespace: string, name: string): Promise<void> {
    const key = keyFor(namespace, name);
    const watched = this.#watched.get(key) ?? this.#start(key, namespace, name);
    watched.users.add(podUid);
    return watched.informer.synced(watched.stop.signal);
  }

  release(podUid: string): void {
    for (const [key, { users, stop }] of this.#watched) {
      if (!users.delete(podUid) || users.size > 0) continue;
      stop.abort();
      this.#watched.delete(key);
    }
  }

  get(key: string): T | undefined {
    return this.#watched.get(key)?.informer.get(key);
  }

  close(): void {
    for (const { stop } of this.#watched.values()) stop.abort();
    this.#watched.clear();
  }

  #start(key: string, namespace: string, name: string): Watched<T> {
    const { transport, clock, random, log, onChange } = this.#options;
    const query = { namespace, fieldSelector: `metadata.name=${name}` };
    const resource = this.#resource;
    const informer = createInformer<T>({ transport, resource, query, clock, random, log });
    const watched = { informer, users: new Set<string>(), stop: new AbortController() };
    informer.onChange(() => {
      if (informer.isSynced) for (const uid of watched.users) onChange(uid);
    });
    this.#watched.set(key, watched);
    informer.run(watched.stop.signal).catch((error) => {
      if (!watched.stop.signal.aborted) log.error('the watch of an object ended', { key, error });
    });
    return watched;
  }
}
