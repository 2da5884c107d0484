// Authentication and authorization read the watch caches directly: a decision must not wait.

import { keyFor } from '../machinery/object.ts';
import type { Pod } from '../proto/generated/core.v1.ts';
import { PODS } from '../proto/generated/resources.ts';
import type { ApiObject, Resource } from '../proto/resource.ts';
import type { ObjectReader } from './authn/object-reader.ts';
import type { Kind } from './registry/kind.ts';
import type { WatchHub } from './watch/hub.ts';

/** Resources that this server does not serve are empty. */
export function cacheReader(hub: WatchHub, kinds: readonly Kind[]): ObjectReader {
  const served = new Set(kinds.map(({ resource }) => `${resource.plural}.${resource.group}`));
  const cacheOf = (resource: Resource) =>
    served.has(`${resource.plural}.${resource.group}`) ? hub.cacheOf(resource) : undefined;
  return {
    get<T extends ApiObject>(
      resource: Resource<T>,
      { namespace, name }: { namespace?: string | undefined; name: string },
    ) {
      const item = cacheOf(resource as Resource)?.get(keyFor(namespace, name));
      return item?.object as T | undefined;
    },
    list<T extends ApiObject>(resource: Resource<T>, namespace?: string) {
      const page = cacheOf(resource as Resource)?.list({ namespace });
      return (page?.items ?? []).map(({ object }) => object as T);
    },
    podsOnNode(nodeName, namespace) {
      const hint = { index: 'spec.nodeName', value: nodeName };
      const page = cacheOf(PODS as Resource)?.list({ namespace, hint });
      const pods = (page?.items ?? []).map(({ object }) => object as Pod);
      return pods.filter(({ spec }) => spec.nodeName === nodeName);
    },
  };
}
