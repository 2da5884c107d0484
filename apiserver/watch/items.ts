// The objects of one resource: by key, in key order, and by the values of a few indexed fields.

import type { Encoded } from '../registry/registry.ts';
import { SortedKeys } from '../store/sorted-keys.ts';
import type { IndexDefinition } from './cache.ts';
import type { IndexHint } from './watcher.ts';
import { BY_KEY, type IndexValues, NO_VALUES } from './watchers.ts';

export interface Held {
  readonly item: Encoded;
  readonly values: IndexValues;
}

export class Items {
  readonly #indexes: readonly IndexDefinition[];
  readonly #held = new Map<string, Held>();
  readonly #keys = new SortedKeys();
  readonly #byValue: readonly Map<string, Set<string>>[];

  constructor(indexes: readonly IndexDefinition[]) {
    this.#indexes = indexes;
    this.#byValue = indexes.map(() => new Map());
  }

  get size(): number {
    return this.#held.size;
  }

  get(key: string): Held | undefined {
    return this.#held.get(key);
  }

  /** Throws when an index cannot read it. */
  hold(item: Encoded): Held {
    const values =
      this.#indexes.length === 0 ? NO_VALUES : this.#indexes.map((it) => it.valueOf(item));
    return { item, values };
  }

  /** undefined removes it. Answers what was there. */
  set(key: string, after: Held | undefined): Held | undefined {
    const before = this.#held.get(key);
    if (after === undefined) {
      this.#held.delete(key);
      this.#keys.delete(key);
    } else {
      this.#held.set(key, after);
      if (before === undefined) this.#keys.add(key);
    }
    for (const [at, map] of this.#byValue.entries()) {
      const old = before?.values[at];
      const now = after?.values[at];
      if (old === now) continue;
      if (old !== undefined) removeFrom(map, old, key);
      if (now !== undefined) addTo(map, now, key);
    }
    return before;
  }

  clear(): void {
    this.#held.clear();
    this.#keys.clear();
    for (const map of this.#byValue) map.clear();
  }

  /** In key order: those with the prefix that may have what the hint says. All of them exist. */
  keys(prefix: string, hint: IndexHint | undefined): Iterable<string> {
    const at = this.#indexes.findIndex(({ name }) => name === hint?.index);
    if (hint !== undefined && at >= 0) {
      const keys = [...(this.#byValue[at]!.get(hint.value) ?? [])];
      return keys.filter((key) => key.startsWith(prefix)).sort();
    }
    if (hint?.index === BY_KEY) {
      return this.#held.has(hint.value) && hint.value.startsWith(prefix) ? [hint.value] : [];
    }
    return this.#keys.withPrefix(prefix);
  }
}

function addTo(map: Map<string, Set<string>>, value: string, key: string): void {
  const keys = map.get(value);
  if (keys === undefined) map.set(value, new Set([key]));
  else keys.add(key);
}

function removeFrom(map: Map<string, Set<string>>, value: string, key: string): void {
  const keys = map.get(value);
  keys?.delete(key);
  if (keys?.size === 0) map.delete(value);
}
