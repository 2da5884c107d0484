// What the registry asks of the watch hub (apiserver/watch/ keeps the caches).

import type { Resource } from '../../proto/resource.ts';
import type { WatchCache } from '../watch/cache.ts';

export interface ObjectCaches {
  cacheOf(resource: Pick<Resource, 'group' | 'plural'>): WatchCache;
  /** Resolves once every cache holds this revision. */
  waitFor(revision: number, signal?: AbortSignal): Promise<void>;
}
