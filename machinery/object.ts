// Questions that any stored object can be asked.

import type { OwnerReference } from '../proto/generated/meta.v1.ts';
import type { ApiObject } from '../proto/resource.ts';

export const isDeleting = (object: ApiObject): boolean =>
  object.metadata.deletionTimestamp !== undefined;

export const controllerOf = (object: ApiObject): OwnerReference | undefined =>
  object.metadata.ownerReferences?.find((owner) => owner.controller === true);

/** `namespace/name`, or `name` for cluster-scoped objects: the key of caches and queues. */
export const keyOf = ({ metadata: { namespace, name } }: ApiObject): string =>
  keyFor(namespace, name);

export const keyFor = (namespace: string | undefined, name: string): string =>
  namespace === undefined || namespace === '' ? name : `${namespace}/${name}`;

export function splitKey(key: string): { readonly namespace?: string; readonly name: string } {
  const slash = key.indexOf('/');
  return slash < 0 ? { name: key } : { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}
