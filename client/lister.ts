// What a component may ask of its cache. Informers implement it; tests hand in plain arrays.

import type { ApiObject } from '../proto/resource.ts';

export interface Lister<T extends ApiObject> {
  /** `namespace/name`, or `name` for cluster-scoped resources. */
  get(key: string): T | undefined;
  /** Absent namespace: all of them. The array and its objects are shared: read only. */
  list(namespace?: string): readonly T[];
  /** Objects that the named index files under this value. */
  byIndex(index: string, value: string): readonly T[];
}

export type Change<T extends ApiObject> =
  | { readonly type: 'added'; readonly object: T }
  | { readonly type: 'updated'; readonly object: T; readonly previous: T }
  /** `object` is the last state that was seen, which may be older than the deleted one. */
  | { readonly type: 'deleted'; readonly object: T };

/** A lister that keeps itself current by list and watch. */
export interface Informer<T extends ApiObject> extends Lister<T> {
  readonly isSynced: boolean;
  /** Revision that the cache has reached, as a number; 0 before the first list. */
  readonly revision: number;
  /** Resolves once the first list is in the cache and its handlers have run. */
  synced(signal?: AbortSignal): Promise<void>;
  /**
   * Handlers run in order, synchronously, after the cache holds the change. One that comes late is
   * first told of all that is there, as added. Answers `off`.
   */
  onChange(handler: (change: Change<T>) => void): () => void;
  /** Lists and watches until aborted; reconnects by itself. */
  run(signal: AbortSignal): Promise<void>;
}
