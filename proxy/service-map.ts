// What the node should do with traffic to Services: Services and EndpointSlices in, one plain value
// a service port out. Pure. IPv4 only.
//
// Nothing is trusted to be an address or a port because the API said so: what comes out of here is
// written into firewall rules as text.

import { isIPv4 } from 'node:net';
import { keyOf } from '../machinery/object.ts';
import type { Service, ServicePort } from '../proto/generated/core.v1.ts';
import type { Endpoint, EndpointSlice } from '../proto/generated/discovery.v1.ts';

export type Protocol = 'tcp' | 'udp' | 'sctp';

export interface Target {
  readonly ip: string;
  readonly port: number;
}

export interface ServicePortRules {
  /** `namespace/name:port`, unique together with the protocol. */
  readonly name: string;
  readonly protocol: Protocol;
  readonly clusterIp: string;
  readonly port: number;
  readonly nodePort?: number;
  /** Other addresses that this node answers for: external IPs, load balancer addresses. */
  readonly externalIps: readonly string[];
  /** A client stays with its endpoint for so long. */
  readonly affinitySeconds?: number;
  /** Where traffic to the ClusterIP goes. */
  readonly internal: readonly Target[];
  /** Where traffic from outside goes (node port, external IPs). */
  readonly external: readonly Target[];
  /** Local: keeps the client's address, stays on this node. */
  readonly externalPolicy: 'Cluster' | 'Local';
  /** False: nobody is there at all. True with an empty list: somebody is, but on another node. */
  readonly hasEndpoints: boolean;
}

/** By name and protocol, in order of the name. */
export type ServiceMap = ReadonlyMap<string, ServicePortRules>;

/** The label that ties a slice to its Service. */
export const SERVICE_NAME_LABEL = 'kubernetes.io/service-name';

const AFFINITY_SECONDS_DEFAULT = 10_800;
const AFFINITY_SECONDS_MAX = 86_400;
const PROTOCOLS: Readonly<Record<string, Protocol>> = { TCP: 'tcp', UDP: 'udp', SCTP: 'sctp' };

export interface Observed {
  readonly services: readonly Service[];
  readonly slices: readonly EndpointSlice[];
  /** Empty: every endpoint counts as local (one set of rules serves all nodes of a machine). */
  readonly nodeName: string;
}

/** What was planned for a Service, good as long as its slices are the same objects. */
export type ServiceMemo = WeakMap<Service, Planned>;

interface Planned {
  readonly slices: readonly EndpointSlice[];
  readonly ports: readonly ServicePortRules[];
}

/** A memo belongs to one node name. With it, what has not changed is the same object as before. */
export function planServices(
  { services, slices, nodeName }: Observed,
  memo: ServiceMemo = new WeakMap(),
): ServiceMap {
  const slicesOf = slicesByService(slices);
  const ports: [string, ServicePortRules][] = [];
  for (const service of services) {
    const own = slicesOf.get(keyOf(service)) ?? [];
    let planned = memo.get(service);
    if (planned === undefined || !isSame(planned.slices, own)) {
      planned = { slices: own, ports: planService(service, own, nodeName) };
      memo.set(service, planned);
    }
    for (const rules of planned.ports) ports.push([`${rules.name}/${rules.protocol}`, rules]);
  }
  return new Map(ports.sort(([a], [b]) => (a < b ? -1 : 1)));
}

const isSame = (before: readonly EndpointSlice[], now: readonly EndpointSlice[]): boolean =>
  before.length === now.length && before.every((slice, i) => slice === now[i]);

function planService(
  service: Service,
  slices: readonly EndpointSlice[],
  nodeName: string,
): readonly ServicePortRules[] {
  const clusterIp = clusterIpOf(service);
  if (clusterIp === undefined) return [];
  return (service.spec.ports ?? [])
    .map((port) => planPort({ service, port, clusterIp, slices, nodeName }))
    .filter((rules) => rules !== undefined);
}

interface PortPlan {
  readonly service: Service;
  readonly port: ServicePort;
  readonly clusterIp: string;
  readonly slices: readonly EndpointSlice[];
  readonly nodeName: string;
}

function planPort(plan: PortPlan): ServicePortRules | undefined {
  const { service, port, clusterIp, slices, nodeName } = plan;
  const { spec } = service;
  const protocol = PROTOCOLS[port.protocol ?? 'TCP'];
  if (protocol === undefined || !isPort(port.port)) return undefined;
  const candidates = candidatesFor(port, slices);
  const local = candidates.filter(
    ({ endpoint }) => nodeName === '' || endpoint.nodeName === nodeName,
  );
  const everywhere = usable(candidates);
  const here = usable(local);
  const externalPolicy = spec.externalTrafficPolicy ?? 'Cluster';
  return {
    name: `${keyOf(service)}${port.name ? `:${port.name}` : ''}`,
    protocol,
    clusterIp,
    port: port.port,
    ...(hasNodePort(service, port) && { nodePort: port.nodePort! }),
    externalIps: externalIpsOf(service),
    ...affinityOf(service),
    internal: spec.internalTrafficPolicy === 'Local' ? here : everywhere,
    external: externalPolicy === 'Local' ? here : everywhere,
    externalPolicy,
    hasEndpoints: everywhere.length > 0,
  };
}

/** undefined for headless and external-name Services: there is nothing to translate. */
function clusterIpOf({ spec }: Service): string | undefined {
  if (spec.type === 'ExternalName') return undefined;
  return [spec.clusterIP ?? '', ...(spec.clusterIPs ?? [])].find((ip) => isIPv4(ip));
}

const hasNodePort = ({ spec }: Service, { nodePort = 0 }: ServicePort): boolean =>
  (spec.type === 'NodePort' || spec.type === 'LoadBalancer') && isPort(nodePort);

function externalIpsOf({ spec, status }: Service): readonly string[] {
  const balancer = (status?.loadBalancer?.ingress ?? []).map(({ ip = '' }) => ip);
  const all = [...(spec.externalIPs ?? []), ...(spec.type === 'LoadBalancer' ? balancer : [])];
  return [...new Set(all)].filter((ip) => isIPv4(ip));
}

function affinityOf({ spec }: Service): Pick<ServicePortRules, 'affinitySeconds'> {
  if (spec.sessionAffinity !== 'ClientIP') return {};
  const wanted = spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? AFFINITY_SECONDS_DEFAULT;
  const isSane = Number.isInteger(wanted) && wanted > 0 && wanted <= AFFINITY_SECONDS_MAX;
  return { affinitySeconds: isSane ? wanted : AFFINITY_SECONDS_DEFAULT };
}

interface Candidate {
  readonly endpoint: Endpoint;
  readonly target: Target;
}

function candidatesFor(port: ServicePort, slices: readonly EndpointSlice[]): readonly Candidate[] {
  const found = new Map<string, Candidate>();
  for (const { addressType, ports, endpoints } of slices) {
    if (addressType !== 'IPv4') continue;
    const match = ports?.find(
      ({ name = '', protocol = 'TCP' }) =>
        name === (port.name ?? '') && protocol === (port.protocol ?? 'TCP'),
    );
    if (match?.port === undefined || !isPort(match.port)) continue;
    for (const endpoint of endpoints ?? []) {
      const ip = endpoint.addresses[0] ?? '';
      if (!isEndpointAddress(ip)) continue;
      const key = `${ip}:${match.port}`;
      // An endpoint may be in two slices while it moves: the readier word counts.
      if (isReady(endpoint) || !found.has(key)) {
        found.set(key, { endpoint, target: { ip, port: match.port } });
      }
    }
  }
  return [...found.values()];
}

/** Those that are ready; without any, those that still serve while they end. In a stable order. */
function usable(candidates: readonly Candidate[]): readonly Target[] {
  const ready = candidates.filter(({ endpoint }) => isReady(endpoint));
  const chosen =
    ready.length > 0 ? ready : candidates.filter(({ endpoint }) => isServingToTheEnd(endpoint));
  return chosen
    .map(({ target }) => target)
    .sort((a, b) => (a.ip === b.ip ? a.port - b.port : a.ip < b.ip ? -1 : 1));
}

const isReady = ({ conditions }: Endpoint): boolean => conditions?.ready !== false;

const isServingToTheEnd = ({ conditions }: Endpoint): boolean =>
  conditions?.terminating === true && conditions.serving !== false;

function slicesByService(slices: readonly EndpointSlice[]): Map<string, EndpointSlice[]> {
  const byService = new Map<string, EndpointSlice[]>();
  for (const slice of slices) {
    const service = slice.metadata.labels?.[SERVICE_NAME_LABEL];
    if (service === undefined) continue;
    const key = `${slice.metadata.namespace}/${service}`;
    const known = byService.get(key);
    if (known === undefined) byService.set(key, [slice]);
    else known.push(slice);
  }
  return byService;
}

const isPort = (port: number): boolean => Number.isInteger(port) && port > 0 && port < 65_536;

/** A Service must not be a way to the node's own loopback or to link-local (metadata) addresses. */
function isEndpointAddress(ip: string): boolean {
  if (!isIPv4(ip)) return false;
  const [first = 0, second = 0] = ip.split('.').map(Number);
  return first !== 0 && first !== 127 && first < 224 && !(first === 169 && second === 254);
}
