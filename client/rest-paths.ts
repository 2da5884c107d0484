// URLs of the REST API: where a resource, an object or a subresource lives.

import type { At, Selection } from '../machinery/transport.ts';
import type { Resource } from '../proto/resource.ts';

type Query = Readonly<Record<string, string | number | boolean | undefined>>;

/** `/api/v1/namespaces/shop/pods/web/status`; every part is escaped. */
export function pathOf(resource: Resource, at: Partial<At>, subresource = ''): string {
  const { group, version, plural, namespaced } = resource;
  const root = group === '' ? ['api', version] : ['apis', group, version];
  const { namespace, name } = at;
  const scope = namespaced && namespace ? ['namespaces', namespace] : [];
  const parts = [...root, ...scope, plural];
  if (name) parts.push(name);
  if (subresource) parts.push(subresource);
  return `/${parts.map(encodeURIComponent).join('/')}`;
}

/** Absent and false parameters are left out. */
export function queryOf(query: Query): string {
  const parameters = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) {
    if (value !== undefined && value !== false) parameters.set(key, String(value));
  }
  return parameters.size === 0 ? '' : `?${parameters}`;
}

export const selectionOf = ({ labelSelector, fieldSelector }: Selection): Query => ({
  labelSelector: labelSelector || undefined,
  fieldSelector: fieldSelector || undefined,
});
