// The one loop that changes a stored object: read it, decide, write at the revision that was read,
// start over when somebody was faster. Reading starts at the cache: it is mostly right, the store
// says when it was not, and a refusal that rests on a stale read is thought over once.

import { conflict, notFound } from '../../machinery/errors.ts';
import { keyFor } from '../../machinery/object.ts';
import type { ApiObject, Resource } from '../../proto/resource.ts';
import type { Entry, Store } from '../store/store.ts';
import type { ObjectCaches } from './caches.ts';
import { encodedOf, encodedOfEntry, encodeObject, isSame, unstored } from './encode.ts';
import { type Hold, settleFailed } from './hold.ts';
import { storeKeyOf } from './keys.ts';
import type { Encoded } from './registry.ts';

/** Eight writers racing for one object are served; more are told to come again. */
const ATTEMPTS_MAX = 12;

export interface Target {
  readonly resource: Resource;
  readonly namespace: string | undefined;
  readonly name: string;
  readonly dryRun: boolean;
}

export type Decision =
  | { readonly type: 'put'; readonly object: ApiObject; readonly hold?: Hold }
  /** `object` is the last state, for the answer. */
  | { readonly type: 'remove'; readonly object: ApiObject }
  | { readonly type: 'keep' };

export interface Outcome {
  readonly item: Encoded;
  readonly gone: boolean;
}

export interface Stores {
  readonly store: Store;
  readonly hub: ObjectCaches;
}

export async function changeObject(
  stores: Stores,
  target: Target,
  decide: (current: Encoded) => Decision | Promise<Decision>,
): Promise<Outcome> {
  const key = storeKeyOf(target.resource, target.namespace, target.name);
  let current: Encoded | undefined = stores.hub
    .cacheOf(target.resource)
    .get(keyFor(target.namespace, target.name));
  let isFresh = false;
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    if (current === undefined && !isFresh) {
      current = await readStored(stores.store, key);
      isFresh = true;
    }
    if (current === undefined) throw notFound(target.resource, target.name);
    const { decision, refusal } = await attemptDecision(decide, current);
    if (decision === undefined) {
      if (isFresh) throw refusal;
      const stored = await readStored(stores.store, key);
      if (stored?.revision === current.revision) throw refusal;
      current = stored;
      isFresh = true;
      continue;
    }
    const written = await carryOut(stores.store, { key, current, dryRun: target.dryRun }, decision);
    if (written.outcome) return written.outcome;
    current = written.current && encodedOfEntry(written.current);
    isFresh = true;
  }
  throw conflict(target.resource, target.name);
}

export async function readStored(store: Store, key: string): Promise<Encoded | undefined> {
  const entry = await store.get(key);
  return entry && encodedOfEntry(entry);
}

async function attemptDecision(
  decide: (current: Encoded) => Decision | Promise<Decision>,
  current: Encoded,
): Promise<{ decision?: Decision; refusal?: unknown }> {
  try {
    return { decision: await decide(current) };
  } catch (refusal) {
    return { refusal };
  }
}

interface Written {
  readonly outcome?: Outcome;
  /** What stands in the way; undefined: nothing is there any more. */
  readonly current?: Entry | undefined;
}

async function carryOut(
  store: Store,
  at: { readonly key: string; readonly current: Encoded; readonly dryRun: boolean },
  decision: Decision,
): Promise<Written> {
  const { key, current } = at;
  if (decision.type === 'keep') return { outcome: { item: current, gone: false } };
  if (at.dryRun) {
    if (decision.type === 'put') decision.hold?.revert();
    decision.object.metadata.resourceVersion = String(current.revision);
    const item = unstored(decision.object, current.revision);
    return { outcome: { item, gone: decision.type === 'remove' } };
  }
  const condition = { expectedRevision: current.revision };
  if (decision.type === 'remove') {
    const result = await store.delete(key, condition);
    if (!result.ok) return { current: result.current };
    decision.object.metadata.resourceVersion = String(result.revision);
    return { outcome: { item: unstored(decision.object, result.revision), gone: true } };
  }
  return put(store, { key, current }, decision);
}

async function put(
  store: Store,
  { key, current }: { readonly key: string; readonly current: Encoded },
  { object, hold }: Decision & { readonly type: 'put' },
): Promise<Written> {
  const value = encodeObject(object);
  // A write that changes nothing takes no revision, as upstream has it: watchers stay asleep.
  if (isSame(value, current)) {
    hold?.commit();
    return { outcome: { item: current, gone: false } };
  }
  try {
    const result = await store.put(key, value, { expectedRevision: current.revision });
    if (!result.ok) {
      hold?.revert();
      return { current: result.current };
    }
    hold?.commit();
    return { outcome: { item: encodedOf(object, value, result.revision), gone: false } };
  } catch (error) {
    settleFailed(hold, error);
    throw error;
  }
}
