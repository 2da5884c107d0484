// A request, as authorization sees it. Pure.

import { type Attributes, nameInSelector } from '../authz/attributes.ts';
import type { RequestInfo } from './request-info.ts';

/** Streams into a pod act on it, whatever the method that opens them. */
const ACTING: ReadonlySet<string> = new Set(['exec', 'attach', 'portforward']);

export function attributesOf({ resource, method, path, query }: RequestInfo): Attributes {
  if (resource === undefined)
    return { verb: method === 'HEAD' ? 'get' : method.toLowerCase(), path };
  const { verb, group, plural, subresource, namespace, name } = resource;
  return {
    verb: subresource !== undefined && ACTING.has(subresource) ? 'create' : verb,
    group,
    plural,
    subresource,
    // A namespace is in itself: rights in it reach its own object.
    namespace: plural === 'namespaces' && group === '' ? name : namespace,
    name: name ?? nameInSelector(query.get('fieldSelector')),
  };
}
