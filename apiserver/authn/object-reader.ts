// What authentication and authorization read of the cluster: the watch cache, at once and as it
// is now. It may lag behind the store by a moment, as upstream's informers do.

import type { At } from '../../machinery/transport.ts';
import type { Pod } from '../../proto/generated/core.v1.ts';
import type { ApiObject, Resource } from '../../proto/resource.ts';

export interface ObjectReader {
  get<T extends ApiObject>(resource: Resource<T>, at: At): T | undefined;
  /** Of one namespace, or of all when it is absent. */
  list<T extends ApiObject>(resource: Resource<T>, namespace?: string): readonly T[];
  podsOnNode(nodeName: string, namespace: string): readonly Pod[];
}
