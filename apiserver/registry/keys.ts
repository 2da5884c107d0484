// Where objects live in the store: `/registry/<group or core>/<plural>/[<namespace>/]<name>`.

import type { Resource } from '../../proto/resource.ts';
import type { StoreKey } from '../store/store.ts';

type Place = Pick<Resource, 'group' | 'plural' | 'namespaced'>;

/** Of all objects of the resource, or of those in one namespace. Ends in a slash. */
export function prefixOf({ group, plural, namespaced }: Place, namespace?: string): StoreKey {
  const prefix = `/registry/${group === '' ? 'core' : group}/${plural}/`;
  return namespaced && namespace ? `${prefix}${namespace}/` : prefix;
}

export const storeKeyOf = (
  resource: Place,
  namespace: string | undefined,
  name: string,
): StoreKey => prefixOf(resource, namespace) + name;
