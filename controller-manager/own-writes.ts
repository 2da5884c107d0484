// "Has my cache seen my own writes?" A controller that acts on a cache which lags behind its own
// creates and deletes does them twice. The store has one revision for everything, so:
//
//   after a create or update  the cache must have reached the revision the write got
//   after a delete            the cache must show the object gone, deleting, or replaced

import type { Informer } from '../client/lister.ts';
import type { Clock } from '../machinery/clock.ts';
import { isDeleting, keyOf } from '../machinery/object.ts';
import type { ApiObject } from '../proto/resource.ts';
import type { Key, Requeue } from './controller.ts';

/** Longer than any lag worth waiting for; a store restored from a backup counts from behind. */
const WAIT_MAX_MS = 5 * 60_000;

/** The change that is waited for wakes its key; this is for the one that never comes. */
export const CATCH_UP: Requeue = { requeueAfterMs: 30_000 };

interface Pending {
  revision: number;
  sinceMs: number;
  /** Key of the deleted object → its uid. */
  readonly removed: Map<string, string>;
}

export class OwnWrites<T extends ApiObject> {
  readonly #informer: Informer<T>;
  readonly #clock: Clock;
  readonly #pending = new Map<Key, Pending>();

  constructor(informer: Informer<T>, clock: Clock) {
    this.#informer = informer;
    this.#clock = clock;
  }

  /** Note what a create, update or patch answered. */
  wrote(key: Key, answer: ApiObject): void {
    const revision = Number(answer.metadata.resourceVersion);
    if (!Number.isSafeInteger(revision)) return;
    const pending = this.#of(key);
    pending.revision = Math.max(pending.revision, revision);
  }

  /** Note a delete that succeeded. */
  removed(key: Key, object: T): void {
    this.#of(key).removed.set(keyOf(object), object.metadata.uid ?? '');
  }

  /** Ask before listing: a later yes would vouch for an older list. */
  caughtUp(key: Key): boolean {
    const pending = this.#pending.get(key);
    if (pending === undefined) return true;
    for (const [name, uid] of pending.removed) {
      const cached = this.#informer.get(name);
      const seen = cached === undefined || cached.metadata.uid !== uid || isDeleting(cached);
      if (seen) pending.removed.delete(name);
    }
    const isSeen = pending.revision <= this.#informer.revision && pending.removed.size === 0;
    if (!isSeen && this.#clock.now() - pending.sinceMs < WAIT_MAX_MS) return false;
    this.#pending.delete(key);
    return true;
  }

  /** The owner is gone: nothing of it will be asked again. */
  forget(key: Key): void {
    this.#pending.delete(key);
  }

  #of(key: Key): Pending {
    let pending = this.#pending.get(key);
    if (pending === undefined) {
      pending = { revision: 0, sinceMs: 0, removed: new Map() };
      this.#pending.set(key, pending);
    }
    pending.sinceMs = this.#clock.now();
    return pending;
  }
}
