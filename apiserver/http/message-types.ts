// apiVersion and kind of a protobuf body → its message in the schema tables. Stored kinds come from
// the generated resources; a few kinds travel only as bodies.

import { RESOURCES } from '../../proto/generated/resources.ts';
import { apiVersionOf } from '../../proto/resource.ts';

const API = 'io.k8s.api';
const META = 'io.k8s.apimachinery.pkg.apis.meta.v1';

const BODIES_ONLY: Readonly<Record<string, string>> = {
  'v1 Binding': `${API}.core.v1.Binding`,
  'autoscaling/v1 Scale': `${API}.autoscaling.v1.Scale`,
  'policy/v1 Eviction': `${API}.policy.v1.Eviction`,
  // What clients of before 1.22 send for an eviction; only the name of the version changed.
  'policy/v1beta1 Eviction': `${API}.policy.v1.Eviction`,
  'authentication.k8s.io/v1 TokenRequest': `${API}.authentication.v1.TokenRequest`,
  'v1 DeleteOptions': `${META}.DeleteOptions`,
  'meta.k8s.io/v1 DeleteOptions': `${META}.DeleteOptions`,
};

const TYPES: ReadonlyMap<string, string> = new Map([
  ...Object.entries(BODIES_ONLY),
  ...RESOURCES.map(
    (resource) => [`${apiVersionOf(resource)} ${resource.kind}`, resource.type] as const,
  ),
]);

export function typeOfMessage(apiVersion: string, kind: string): string | undefined {
  // Every group knows the options of a delete.
  if (kind === 'DeleteOptions') return `${META}.DeleteOptions`;
  return TYPES.get(`${apiVersion} ${kind}`);
}
