// Endpoints: the older, single object per Service that clients without EndpointSlices read.
//
//   Service, Pod, Endpoints change ─► key of the Service
//   reconcile                         observe → plan (pure) → create, update or delete one object

import type { Informer } from '../../client/lister.ts';
import { deepEqual } from '../../machinery/equality.ts';
import { hasReason } from '../../machinery/errors.ts';
import { isDeleting, keyOf, splitKey } from '../../machinery/object.ts';
import type { Transport } from '../../machinery/transport.ts';
import type {
  EndpointAddress,
  EndpointSubset,
  Endpoints,
  Pod,
  Service,
} from '../../proto/generated/core.v1.ts';
import { ENDPOINTS } from '../../proto/generated/resources.ts';
import { type Controller, source } from '../controller.ts';
import { isReady } from '../pods.ts';
import {
  addressOf,
  changesEndpoints,
  familiesOf,
  HEADLESS_LABEL,
  hostnameOf,
  isHeadless,
  isReachable,
  type PortNumber,
  portsOf,
  selects,
  selectsPods,
  targetOf,
} from '../service-endpoints.ts';
import { servicesOf } from './endpointslice.ts';

const WORKERS = 5;
/** One object must not outgrow what the store takes; slices have no such end. */
const ADDRESSES_MAX = 1000;

const OVER_CAPACITY = 'endpoints.kubernetes.io/over-capacity';
export const MANAGED_BY_ENDPOINTS_LABEL = 'endpoints.kubernetes.io/managed-by';
const MANAGER = 'endpoint-controller';

export interface EndpointsDependencies {
  readonly services: Informer<Service>;
  readonly pods: Informer<Pod>;
  readonly endpoints: Informer<Endpoints>;
  readonly transport: Transport;
}

export function endpointsController(deps: EndpointsDependencies): Controller {
  const { services, pods, endpoints, transport } = deps;
  return {
    name: 'endpoints',
    workers: WORKERS,
    sources: [
      source(services, (service) => [keyOf(service)]),
      source(pods, (pod) => servicesOf(pod, services), changesEndpoints),
      source(endpoints, (one) => [keyOf(one)]),
    ],

    async reconcile(key) {
      const service = services.get(key);
      const present = endpoints.get(key);
      if (service === undefined) {
        if (present !== undefined && isOurs(present)) await remove(transport, key);
        return undefined;
      }
      if (isDeleting(service) || !selectsPods(service)) return undefined;
      const wanted = planEndpoints(service, pods.list(service.metadata.namespace), present);
      if (present === undefined) await transport.create(ENDPOINTS, wanted);
      else if (!deepEqual(present, wanted)) await transport.update(ENDPOINTS, wanted);
      return undefined;
    },
  };
}

/** The object as it should be; what others put into its metadata stays. */
export function planEndpoints(
  service: Service,
  pods: readonly Pod[],
  present: Endpoints | undefined,
): Endpoints {
  const { subsets, isCut } = subsetsOf(service, pods);
  const { name, namespace, labels: serviceLabels = {} } = service.metadata;
  const { [HEADLESS_LABEL]: _, ...labels } = serviceLabels;
  const { [OVER_CAPACITY]: __, ...annotations } = present?.metadata.annotations ?? {};
  const notes = { ...annotations, ...(isCut && { [OVER_CAPACITY]: 'truncated' }) };
  const { annotations: ___, ...metadata } = present?.metadata ?? {
    name,
    ...(namespace !== undefined && { namespace }),
  };
  return {
    ...(present ?? { apiVersion: 'v1', kind: 'Endpoints' }),
    metadata: {
      ...metadata,
      ...(Object.keys(notes).length > 0 && { annotations: notes }),
      labels: {
        ...labels,
        ...(isHeadless(service) && { [HEADLESS_LABEL]: '' }),
        [MANAGED_BY_ENDPOINTS_LABEL]: MANAGER,
      },
    },
    ...(subsets.length > 0 || present?.subsets?.length ? { subsets } : {}),
  };
}

interface Group {
  readonly ports: readonly PortNumber[];
  readonly ready: EndpointAddress[];
  readonly notReady: EndpointAddress[];
}

function subsetsOf(service: Service, pods: readonly Pod[]) {
  const isPublished = service.spec.publishNotReadyAddresses === true;
  const [family = 'IPv4'] = familiesOf(service);
  const groups = new Map<string, Group>();
  let count = 0;
  for (const pod of [...pods].sort(byName)) {
    const ip = addressOf(pod, family);
    const counts = isReachable(pod) && (isPublished || !isDeleting(pod)) && selects(service, pod);
    if (!counts || ip === undefined || ++count > ADDRESSES_MAX) continue;
    const ports = portsOf(pod, service);
    if (ports.length === 0 && (service.spec.ports ?? []).length > 0) continue;
    const key = JSON.stringify(ports);
    const group = groups.get(key) ?? { ports, ready: [], notReady: [] };
    groups.set(key, group);
    (isPublished || isReady(pod) ? group.ready : group.notReady).push(addressIn(service, pod, ip));
  }
  const subsets = [...groups.values()].map(
    ({ ports, ready, notReady }): EndpointSubset => ({
      ...(ready.length > 0 && { addresses: ready }),
      ...(notReady.length > 0 && { notReadyAddresses: notReady }),
      ...(ports.length > 0 && { ports: ports.map(withoutEmptyName) }),
    }),
  );
  return { subsets, isCut: count > ADDRESSES_MAX };
}

function addressIn(service: Service, pod: Pod, ip: string): EndpointAddress {
  const hostname = hostnameOf(pod, service);
  const { nodeName } = pod.spec;
  return {
    ip,
    ...(hostname !== undefined && { hostname }),
    ...(nodeName && { nodeName }),
    targetRef: targetOf(pod),
  };
}

function withoutEmptyName({ name, ...port }: PortNumber) {
  return name === '' ? port : { name, ...port };
}

const isOurs = ({ metadata }: Endpoints): boolean =>
  metadata.labels?.[MANAGED_BY_ENDPOINTS_LABEL] === MANAGER;

async function remove(transport: Transport, key: string): Promise<void> {
  try {
    await transport.delete(ENDPOINTS, splitKey(key));
  } catch (error) {
    if (!hasReason(error, 'NotFound')) throw error;
  }
}

const byName = (a: Pod, b: Pod): number => (a.metadata.name < b.metadata.name ? -1 : 1);
