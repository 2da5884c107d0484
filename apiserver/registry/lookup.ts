// What admission may ask of the cluster: from the cache, and from the store where the cache may
// not have heard of it yet.

import { keyFor } from '../../machinery/object.ts';
import type { At } from '../../machinery/transport.ts';
import type { ApiObject, Resource } from '../../proto/resource.ts';
import { readStored, type Stores } from './change.ts';
import { storeKeyOf } from './keys.ts';

export interface Lookup {
  /** Cached; may be a moment old. */
  find<T extends ApiObject>(resource: Resource<T>, at: At): T | undefined;
  /** As it is stored now. */
  read<T extends ApiObject>(resource: Resource<T>, at: At): Promise<T | undefined>;
  /** All of them, cached. */
  all<T extends ApiObject>(resource: Resource<T>): readonly T[];
}

export const createLookup = ({ store, hub }: Stores): Lookup => ({
  find: <T extends ApiObject>(resource: Resource<T>, { namespace, name }: At) =>
    hub.cacheOf(resource).get(keyFor(namespace, name))?.object as T | undefined,
  read: async <T extends ApiObject>(resource: Resource<T>, { namespace, name }: At) =>
    (await readStored(store, storeKeyOf(resource, namespace, name)))?.object as T | undefined,
  all: <T extends ApiObject>(resource: Resource<T>) =>
    hub
      .cacheOf(resource)
      .list({})
      .items.map(({ object }) => object as T),
});
