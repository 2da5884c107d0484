// EndpointSlices, the policy: from a Service and its pods to the slices that should be, changing
// as few of those that are as possible. Pure.

import { deepEqual } from '../../machinery/equality.ts';
import { isDeleting } from '../../machinery/object.ts';
import type { Pod, Service } from '../../proto/generated/core.v1.ts';
import type { Endpoint, EndpointPort, EndpointSlice } from '../../proto/generated/discovery.v1.ts';
import { SERVICES } from '../../proto/generated/resources.ts';
import { controllerReference } from '../ownership.ts';
import { isReady } from '../pods.ts';
import {
  addressOf,
  familiesOf,
  HEADLESS_LABEL,
  hostnameOf,
  type IpFamily,
  isHeadless,
  isReachable,
  portsOf,
  selects,
  targetOf,
} from '../service-endpoints.ts';

/** A change of one endpoint sends its whole slice to every node. */
export const ENDPOINTS_PER_SLICE_MAX = 100;

export const SERVICE_NAME_LABEL = 'kubernetes.io/service-name';
export const MANAGED_BY_LABEL = 'endpointslice.kubernetes.io/managed-by';
export const MANAGER = 'endpointslice-controller.k8s.io';

export interface SlicePlan {
  readonly create: readonly EndpointSlice[];
  readonly update: readonly EndpointSlice[];
  readonly remove: readonly EndpointSlice[];
}

export interface SliceRequest {
  readonly service: Service;
  /** Of its namespace; the plan picks those that it selects. */
  readonly pods: readonly Pod[];
  /** Slices that this controller manages for the Service. */
  readonly slices: readonly EndpointSlice[];
  zoneOf(nodeName: string): string | undefined;
}

/** Endpoints that share address family and ports, and so may share slices. */
interface Group {
  readonly family: IpFamily;
  readonly ports: readonly EndpointPort[];
  readonly endpoints: Map<string, Endpoint>;
}

export function planSlices(request: SliceRequest): SlicePlan {
  const { service } = request;
  const groups = groupsOf(request);
  const slices = request.slices.filter((slice) => !isDeleting(slice));
  const create: EndpointSlice[] = [];
  const wanted: EndpointSlice[] = [];
  const spare: EndpointSlice[] = [];
  for (const [key, group] of groups) {
    const present = slices.filter((slice) => groupKey(slice.addressType, slice.ports) === key);
    const packed = pack(service, group, present);
    wanted.push(...packed.filter((slice) => slice.metadata.name !== ''));
    create.push(...packed.filter((slice) => slice.metadata.name === ''));
  }
  for (const family of familiesOf(service)) {
    const isServed = [...wanted, ...create].some(({ addressType }) => addressType === family);
    if (!isServed) spare.push(placeholder(service, family, slices));
  }
  wanted.push(...spare.filter((slice) => slice.metadata.name !== ''));
  create.push(...spare.filter((slice) => slice.metadata.name === ''));
  const kept = new Map(wanted.map((slice) => [slice.metadata.name, slice]));
  return {
    create,
    update: slices.flatMap((slice) => {
      const next = kept.get(slice.metadata.name);
      return next === undefined || deepEqual(next, slice) ? [] : [next];
    }),
    remove: slices.filter((slice) => !kept.has(slice.metadata.name)),
  };
}

function groupsOf({ service, pods, zoneOf }: SliceRequest): ReadonlyMap<string, Group> {
  const groups = new Map<string, Group>();
  for (const pod of pods) {
    if (!isReachable(pod) || !selects(service, pod)) continue;
    const ports = portsOf(pod, service);
    if (ports.length === 0 && (service.spec.ports ?? []).length > 0) continue;
    for (const family of familiesOf(service)) {
      const address = addressOf(pod, family);
      if (address === undefined) continue;
      const key = groupKey(family, ports);
      const group = groups.get(key) ?? { family, ports, endpoints: new Map() };
      groups.set(key, group);
      const endpoint = endpointOf({ pod, service, address, zoneOf });
      group.endpoints.set(identityOf(endpoint), endpoint);
    }
  }
  return groups;
}

function endpointOf({
  pod,
  service,
  address,
  zoneOf,
}: Pick<SliceRequest, 'service' | 'zoneOf'> & {
  readonly pod: Pod;
  readonly address: string;
}): Endpoint {
  const { nodeName } = pod.spec;
  const terminating = isDeleting(pod);
  const serving = isReady(pod);
  const hostname = hostnameOf(pod, service);
  const zone = nodeName ? zoneOf(nodeName) : undefined;
  return {
    addresses: [address],
    conditions: {
      ready: service.spec.publishNotReadyAddresses === true || (serving && !terminating),
      serving,
      terminating,
    },
    ...(hostname !== undefined && { hostname }),
    targetRef: targetOf(pod),
    ...(nodeName && { nodeName }),
    ...(zone !== undefined && { zone }),
  };
}

/** Endpoints stay in the slice where they are; new ones fill slices that change anyhow first. */
function pack(
  service: Service,
  { family, ports, endpoints }: Group,
  slices: readonly EndpointSlice[],
): readonly EndpointSlice[] {
  const left = new Map(endpoints);
  const packed = slices.map((slice) => {
    const kept: Endpoint[] = [];
    for (const old of slice.endpoints ?? []) {
      const now = left.get(identityOf(old));
      if (now === undefined || !left.delete(identityOf(old))) continue;
      kept.push(now);
    }
    const next = dressed(service, { ...slice, endpoints: kept });
    return { next, kept, isChanged: !deepEqual(next, slice) };
  });
  packed.sort((a, b) => Number(b.isChanged) - Number(a.isChanged));
  const waiting = [...left.values()];
  for (const { kept } of packed) {
    kept.push(...waiting.splice(0, Math.max(0, ENDPOINTS_PER_SLICE_MAX - kept.length)));
  }
  const result = packed.filter(({ kept }) => kept.length > 0).map(({ next }) => next);
  while (waiting.length > 0) {
    const batch = waiting.splice(0, ENDPOINTS_PER_SLICE_MAX);
    result.push(sliceOf({ service, family, ports, endpoints: batch }));
  }
  return result;
}

/** A Service without endpoints has one empty slice, so that "none" differs from "not yet". */
function placeholder(
  service: Service,
  family: IpFamily,
  slices: readonly EndpointSlice[],
): EndpointSlice {
  const present = slices.find(({ addressType }) => addressType === family);
  if (present === undefined) return sliceOf({ service, family, ports: [], endpoints: [] });
  const { ports: _, ...slice } = present;
  return dressed(service, { ...slice, endpoints: [] });
}

function sliceOf({
  service,
  family,
  ports,
  endpoints,
}: {
  readonly service: Service;
  readonly family: IpFamily;
  readonly ports: readonly EndpointPort[];
  readonly endpoints: readonly Endpoint[];
}): EndpointSlice {
  const { name, namespace } = service.metadata;
  return dressed(service, {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name: '',
      generateName: `${name}-`,
      ...(namespace !== undefined && { namespace }),
    },
    addressType: family,
    endpoints: [...endpoints],
    ...(ports.length > 0 && { ports: [...ports] }), // As it is stored: none, not an empty list.
  });
}

/** Labels and owner as they follow from the Service. */
function dressed(service: Service, slice: EndpointSlice): EndpointSlice {
  const { [HEADLESS_LABEL]: _, ...inherited } = service.metadata.labels ?? {};
  return {
    ...slice,
    metadata: {
      ...slice.metadata,
      labels: {
        ...inherited,
        ...(isHeadless(service) && { [HEADLESS_LABEL]: '' }),
        [SERVICE_NAME_LABEL]: service.metadata.name,
        [MANAGED_BY_LABEL]: MANAGER,
      },
      ownerReferences: [controllerReference(SERVICES, service)],
    },
  };
}

const groupKey = (addressType: string, ports: readonly EndpointPort[] = []): string =>
  [
    addressType,
    ...ports
      .map(({ name = '', port, protocol, appProtocol = '' }) =>
        [name, port, protocol, appProtocol].join('/'),
      )
      .sort(),
  ].join();

const identityOf = ({ targetRef, addresses }: Endpoint): string =>
  `${targetRef?.uid ?? ''}/${addresses[0] ?? ''}`;
