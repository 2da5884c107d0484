// What every cluster has from its first start on: the system's namespaces, roles and priority classes, and
// the Service through which pods reach the API. Run at each start; what is there already is put
// right, not made twice.

import { deepEqual } from '../../machinery/equality.ts';
import { hasReason } from '../../machinery/errors.ts';
import type { Endpoints, Service } from '../../proto/generated/core.v1.ts';
import type { EndpointSlice } from '../../proto/generated/discovery.v1.ts';
import {
  CLUSTER_ROLE_BINDINGS,
  CLUSTER_ROLES,
  ENDPOINT_SLICES,
  ENDPOINTS,
  NAMESPACES,
  PRIORITY_CLASSES,
  SERVICES,
} from '../../proto/generated/resources.ts';
import type { ApiObject, Resource } from '../../proto/resource.ts';
import { MASTERS, type User } from '../authn/user.ts';
import { DEFAULT_BINDINGS, DEFAULT_ROLES } from './default-roles.ts';
import type { Call, Registry } from './registry.ts';
import { apiServiceAddress } from './service-addresses.ts';
import { SYSTEM_PRIORITIES } from './system-priorities.ts';

export interface BootstrapConfig {
  readonly serviceCidr: string;
  /** Where pods reach this server, an IPv4 address; absent: the Service has no endpoints. */
  readonly advertiseAddress?: string | undefined;
  readonly port: number;
}

const NAMES = ['default', 'kube-system', 'kube-public', 'kube-node-lease'] as const;
const SYSTEM: User = { name: 'system:apiserver', groups: [MASTERS] };
const SERVICE_PORT = 443;
const AT = { namespace: 'default', name: 'kubernetes' } as const;

export async function bootstrap(registry: Registry, config: BootstrapConfig): Promise<void> {
  await Promise.all([
    ...NAMES.map((name) => ensure(registry, NAMESPACES, { metadata: { name } })),
    ...DEFAULT_ROLES.map((role) => ensure(registry, CLUSTER_ROLES, role)),
    ...DEFAULT_BINDINGS.map((binding) => ensure(registry, CLUSTER_ROLE_BINDINGS, binding)),
    ...Object.entries(SYSTEM_PRIORITIES).map(([name, value]) =>
      ensure(registry, PRIORITY_CLASSES, { metadata: { name }, value }),
    ),
  ]);
  await ensure(registry, SERVICES, apiService(config));
  if (config.advertiseAddress === undefined) return;
  await replace(registry, ENDPOINTS, endpointsOf(config.advertiseAddress, config.port));
  await replace(registry, ENDPOINT_SLICES, sliceOf(config.advertiseAddress, config.port));
}

const apiService = ({ serviceCidr, port }: BootstrapConfig): Omit<Service, 'status'> => ({
  metadata: { ...AT, labels: { component: 'apiserver', provider: 'kubernetes' } },
  spec: {
    type: 'ClusterIP',
    clusterIP: apiServiceAddress(serviceCidr),
    ports: [{ name: 'https', protocol: 'TCP', port: SERVICE_PORT, targetPort: port }],
  },
});

const endpointsOf = (ip: string, port: number): Endpoints => ({
  metadata: { ...AT, labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' } },
  subsets: [{ addresses: [{ ip }], ports: [{ name: 'https', port, protocol: 'TCP' }] }],
});

const sliceOf = (ip: string, port: number): EndpointSlice => ({
  metadata: { ...AT, labels: { 'kubernetes.io/service-name': 'kubernetes' } },
  addressType: 'IPv4',
  endpoints: [{ addresses: [ip], conditions: { ready: true } }],
  ports: [{ name: 'https', port, protocol: 'TCP' }],
});

async function ensure(registry: Registry, resource: Resource, object: object): Promise<void> {
  const { metadata } = object as ApiObject;
  try {
    await registry.get(callTo(registry, resource, metadata));
  } catch (error) {
    if (!hasReason(error, 'NotFound')) throw error;
    // The registry keeps what it is given; tables are read again by the next start.
    const own = structuredClone(object);
    await registry.create(callTo(registry, resource, metadata), own).catch(unlessMade);
  }
}

/** Another server may have been faster. */
function unlessMade(error: unknown): void {
  if (!hasReason(error, 'AlreadyExists')) throw error;
}

/** As `ensure`; but the address of this server may have changed since. */
async function replace(registry: Registry, resource: Resource, object: ApiObject): Promise<void> {
  const call = callTo(registry, resource, object.metadata);
  try {
    const { object: stored } = await registry.get(call);
    const { metadata: _, ...wanted } = object;
    if (!isWithin(wanted, stored)) await registry.update(call, object);
  } catch (error) {
    if (!hasReason(error, 'NotFound')) throw error;
    await registry.create(call, object).catch(unlessMade);
  }
}

const isWithin = (wanted: object, stored: object): boolean =>
  Object.entries(wanted).every(([field, value]) =>
    deepEqual(value, (stored as Record<string, unknown>)[field]),
  );

function callTo(registry: Registry, resource: Resource, metadata: ApiObject['metadata']): Call {
  const kind = registry.kindOf(resource.group, resource.version, resource.plural)!;
  const { namespace, name } = metadata;
  return { user: SYSTEM, kind, namespace: resource.namespaced ? namespace : undefined, name };
}
