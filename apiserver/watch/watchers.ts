// All watchers of one resource, arranged so that a change reaches those who may care without asking
// the others: 5,000 kubelets that watch their own pods cost a pod's change one look-up, not 5,000.

import type { Change } from './change.ts';
import type { Watcher } from './watcher.ts';

/** Values of one object in the cache's indexes, in the order of the definitions. */
export type IndexValues = readonly string[];

/** Every cache has this index. */
export const BY_KEY = 'key';

export const NO_VALUES: IndexValues = [];

export class Watchers {
  readonly #indexes: readonly string[];
  readonly #everywhere = new Set<Watcher>();
  /** One map an index; the last is by key. */
  readonly #byValue: readonly Map<string, Set<Watcher>>[];
  /** Got something since the last flush, or may have. */
  readonly #touched = new Set<Watcher>();
  #size = 0;

  constructor(indexes: readonly string[]) {
    this.#indexes = [...indexes, BY_KEY];
    this.#byValue = this.#indexes.map(() => new Map());
  }

  get size(): number {
    return this.#size;
  }

  add(watcher: Watcher): void {
    this.#size++;
    const group = this.#groupOf(watcher);
    if (group === undefined) {
      this.#everywhere.add(watcher);
      return;
    }
    const { map, value } = group;
    const same = map.get(value);
    if (same === undefined) map.set(value, new Set([watcher]));
    else same.add(watcher);
  }

  delete(watcher: Watcher): void {
    this.#size--;
    this.#everywhere.delete(watcher);
    this.#touched.delete(watcher);
    const group = this.#groupOf(watcher);
    const same = group?.map.get(group.value);
    same?.delete(watcher);
    if (same?.size === 0) group?.map.delete(group.value);
  }

  /** `before` and `after` are the values of the indexes; an object may move from one to another. */
  dispatch(change: Change, before: IndexValues, after: IndexValues): void {
    for (const watcher of this.#everywhere) this.#offer(watcher, change);
    for (const [at, map] of this.#byValue.entries()) {
      if (map.size === 0) continue;
      const isByKey = at === this.#byValue.length - 1;
      const old = isByKey ? change.key : before[at];
      const now = isByKey ? change.key : after[at];
      if (old !== undefined) this.#offerAll(map.get(old), change);
      if (now !== undefined && now !== old) this.#offerAll(map.get(now), change);
    }
  }

  /** Wakes those who got something. */
  flush(): void {
    for (const watcher of this.#touched) watcher.wake();
    this.#touched.clear();
  }

  failAll(error: Error): void {
    for (const watcher of this.#everywhere) watcher.fail(error);
    for (const map of this.#byValue) {
      for (const same of map.values()) for (const watcher of same) watcher.fail(error);
    }
  }

  #offerAll(watchers: ReadonlySet<Watcher> | undefined, change: Change): void {
    if (watchers) for (const watcher of watchers) this.#offer(watcher, change);
  }

  #offer(watcher: Watcher, change: Change): void {
    if (change.revision <= watcher.afterRevision) return;
    if (!change.key.startsWith(watcher.prefix)) return;
    try {
      const event = change.eventFor(watcher.filter.matches);
      if (event === undefined) return;
      watcher.offer(event);
      this.#touched.add(watcher);
    } catch (error) {
      // One watcher's selector that fails is no reason to keep the change from the others.
      watcher.fail(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #groupOf({ filter: { hint } }: Watcher) {
    const map = hint && this.#byValue[this.#indexes.indexOf(hint.index)];
    return map && { map, value: hint.value };
  }
}
