// Garbage collector: what is owned goes with its owners.
//
//   any change of any object ─► its own key, its dependents, its owners
//   reconcile                   owners' states (cache, then the API) → plan (pure) → act
//
// It keeps metadata only. An owner that the cache does not know is asked for by name before
// anything is deleted on its account: a cache that lags must not cost anybody his objects.

import type { Change, Informer } from '../../client/lister.ts';
import { deepEqual } from '../../machinery/equality.ts';
import { hasReason } from '../../machinery/errors.ts';
import type { Log } from '../../machinery/log.ts';
import { isDeleting, keyFor } from '../../machinery/object.ts';
import type { Transport } from '../../machinery/transport.ts';
import type { OwnerReference } from '../../proto/generated/meta.v1.ts';
import {
  type ApiObject,
  apiVersionOf,
  qualifiedNameOf,
  type Resource,
} from '../../proto/resource.ts';
import { type Controller, changeSource, type Key, type Source } from '../controller.ts';
import { patchOwners } from '../ownership.ts';
import {
  FOREGROUND,
  type GarbagePlan,
  ORPHAN,
  type OwnerState,
  planGarbage,
} from './garbage-plan.ts';
import { type Dependent, OwnerGraph } from './owner-graph.ts';

const WORKERS = 10;

/** Uids that the API denied: never given to another object, so the answer stays true. */
const ABSENT_MAX = 500;

export interface GarbageDependencies {
  readonly watched: readonly Watched[];
  readonly transport: Transport;
  readonly log: Log;
}

export interface Watched {
  readonly resource: Resource;
  /** Metadata suffices. */
  readonly informer: Informer<ApiObject>;
}

interface Found extends Watched {
  readonly object: ApiObject;
}

export function garbageCollector(deps: GarbageDependencies): Controller {
  return new GarbageCollector(deps).controller;
}

class GarbageCollector {
  readonly #transport: Transport;
  readonly #log: Log;
  readonly #graph = new OwnerGraph();
  readonly #byName: ReadonlyMap<string, Watched>;
  /** `apiVersion/Kind` → resource. */
  readonly #byKind: ReadonlyMap<string, Watched>;
  readonly #absent = new Set<string>();
  readonly controller: Controller;

  constructor({ watched, transport, log }: GarbageDependencies) {
    this.#transport = transport;
    this.#log = log;
    this.#byName = new Map(watched.map((one) => [qualifiedNameOf(one.resource), one]));
    this.#byKind = new Map(
      watched.map((one) => [kindName(apiVersionOf(one.resource), one.resource.kind), one]),
    );
    this.controller = {
      name: 'garbage-collector',
      workers: WORKERS,
      sources: watched.map((one) => this.#sourceOf(one)),
      reconcile: async (key) => {
        const found = this.#find(key);
        if (found !== undefined) await this.#collect(found);
        return undefined;
      },
    };
  }

  #sourceOf({ resource, informer }: Watched): Source {
    const name = qualifiedNameOf(resource);
    return changeSource(informer, (change) => {
      const { object } = change;
      if (change.type === 'updated' && isSameToUs(object, change.previous)) return [];
      const place = {
        resource: name,
        key: keyFor(object.metadata.namespace, object.metadata.name),
      };
      if (change.type === 'deleted') this.#graph.delete(object);
      else this.#graph.set(place, object, change.type === 'updated' ? change.previous : undefined);
      return this.#concerned(place, change);
    });
  }

  /** Dependents care whether their owner lives; owners that wait, whether dependents are left. */
  #concerned(place: Pick<Dependent, 'resource' | 'key'>, change: Change<ApiObject>): Key[] {
    const { uid, ownerReferences = [], namespace } = change.object.metadata;
    const keys: Key[] = [];
    const isEnding = change.type === 'deleted' || isDeleting(change.object);
    if (ownerReferences.length > 0 || isEnding) keys.push(keyOfPlace(place));
    if (isEnding) keys.push(...this.#graph.dependentsOf(uid).map(keyOfPlace));
    const before =
      change.type === 'updated' ? (change.previous.metadata.ownerReferences ?? []) : [];
    if (!isEnding && before.length === 0) return keys;
    for (const owner of [...ownerReferences, ...before]) {
      const watched = this.#byKind.get(kindName(owner.apiVersion, owner.kind));
      if (watched === undefined) continue;
      const key = keyFor(watched.resource.namespaced ? namespace : undefined, owner.name);
      keys.push(keyOfPlace({ resource: qualifiedNameOf(watched.resource), key }));
    }
    return keys;
  }

  #find(key: Key): Found | undefined {
    const [resource = '', name = ''] = key.split(' ');
    const watched = this.#byName.get(resource);
    const object = watched?.informer.get(name);
    return watched && object && { ...watched, object };
  }

  async #collect(found: Found): Promise<void> {
    const { object, resource } = found;
    const dependents = this.#graph.dependentsOf(object.metadata.uid);
    const owners = await Promise.all(
      (object.metadata.ownerReferences ?? []).map(async (reference) => ({
        reference,
        state: await this.#stateOf(reference, object),
      })),
    );
    const hasBlockingDependents = dependents.some(({ blocks }) => blocks);
    const hasDependents = dependents.length > 0;
    const plan = planGarbage({ object, owners, hasDependents, hasBlockingDependents });
    if (plan.type === 'keep') return;
    this.#log.debug('garbage', {
      resource: resource.plural,
      name: object.metadata.name,
      namespace: object.metadata.namespace,
      plan: plan.type,
    });
    await this.#act(found, plan, dependents);
  }

  async #act(
    { object, resource }: Found,
    plan: GarbagePlan,
    dependents: readonly Dependent[],
  ): Promise<void> {
    switch (plan.type) {
      case 'unlink':
        return this.#unlink(resource, object, new Set(plan.uids));
      case 'delete':
        return this.#delete(resource, object, plan.propagation);
      case 'orphan': {
        const owner = new Set([object.metadata.uid ?? '']);
        for (const dependent of dependents) {
          const found = this.#find(keyOfPlace(dependent));
          if (found !== undefined) await this.#unlink(found.resource, found.object, owner);
        }
        return this.#dropFinalizer(resource, object, ORPHAN);
      }
      case 'release':
        return this.#dropFinalizer(resource, object, FOREGROUND);
      case 'keep':
        return;
    }
  }

  async #stateOf(reference: OwnerReference, object: ApiObject): Promise<OwnerState> {
    const { apiVersion, kind, name, uid } = reference;
    if (this.#absent.has(uid)) return 'absent';
    const watched = this.#byKind.get(kindName(apiVersion, kind));
    // A kind that nobody serves may be served again tomorrow: not a reason to delete anything.
    if (watched === undefined) return 'solid';
    const { resource, informer } = watched;
    const namespace = resource.namespaced ? object.metadata.namespace : undefined;
    // An object without a namespace cannot name the one its owner lives in.
    if (resource.namespaced && namespace === undefined) return 'solid';
    const known = informer.get(keyFor(namespace, name));
    if (known?.metadata.uid === uid) return stateOf(known);
    const live = await this.#ask(resource, { namespace, name });
    if (live?.metadata.uid === uid) return stateOf(live);
    this.#remember(uid);
    return 'absent';
  }

  async #ask(
    resource: Resource,
    at: { readonly namespace?: string | undefined; readonly name: string },
  ): Promise<ApiObject | undefined> {
    try {
      return await this.#transport.get(resource, at);
    } catch (error) {
      if (hasReason(error, 'NotFound')) return undefined;
      throw error;
    }
  }

  #remember(uid: string): void {
    const [oldest] = this.#absent;
    if (oldest !== undefined && this.#absent.size >= ABSENT_MAX) this.#absent.delete(oldest);
    this.#absent.add(uid);
  }

  async #unlink(resource: Resource, object: ApiObject, uids: ReadonlySet<string>): Promise<void> {
    const before = object.metadata.ownerReferences ?? [];
    const ownerReferences = before.filter(({ uid }) => !uids.has(uid));
    if (ownerReferences.length === before.length) return;
    await patchOwners({ transport: this.#transport, resource, object, ownerReferences });
  }

  async #delete(
    resource: Resource,
    { metadata }: ApiObject,
    propagationPolicy: 'Background' | 'Foreground' | 'Orphan',
  ): Promise<void> {
    // At the revision we judged: an object that was adopted since must not go.
    const { uid, resourceVersion } = metadata;
    try {
      const preconditions = { uid, resourceVersion };
      await this.#transport.delete(resource, metadata, { propagationPolicy, preconditions });
    } catch (error) {
      if (!hasReason(error, 'NotFound')) throw error;
    }
  }

  async #dropFinalizer(resource: Resource, { metadata }: ApiObject, name: string): Promise<void> {
    const { uid, resourceVersion } = metadata;
    const finalizers = (metadata.finalizers ?? []).filter((one) => one !== name);
    const list = finalizers.length === 0 ? null : finalizers;
    const body = { metadata: { uid, resourceVersion, finalizers: list } };
    try {
      await this.#transport.patch(resource, metadata, { type: 'merge', body });
    } catch (error) {
      if (!hasReason(error, 'NotFound')) throw error;
    }
  }
}

const stateOf = (owner: ApiObject): OwnerState =>
  isDeleting(owner) && owner.metadata.finalizers?.includes(FOREGROUND) ? 'waiting' : 'solid';

const isSameToUs = ({ metadata: a }: ApiObject, { metadata: b }: ApiObject): boolean =>
  a.deletionTimestamp === b.deletionTimestamp &&
  deepEqual(a.finalizers, b.finalizers) &&
  deepEqual(a.ownerReferences, b.ownerReferences);

const kindName = (apiVersion: string, kind: string): string => `${apiVersion}/${kind}`;

/** Names of resources and keys hold no blanks. */
const keyOfPlace = ({ resource, key }: Pick<Dependent, 'resource' | 'key'>): Key =>
  `${resource} ${key}`;
