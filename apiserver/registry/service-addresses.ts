// Cluster IPs and node ports of Services: no double under concurrency, given back when the write
// fails or the Service goes. What is taken is read once from the stored Services, then kept.

import { StatusError } from '../../machinery/errors.ts';
import { keyOf } from '../../machinery/object.ts';
import type { Random } from '../../machinery/random.ts';
import { Faults } from '../../machinery/validation.ts';
import type { Service, ServicePort } from '../../proto/generated/core.v1.ts';
import { SERVICES } from '../../proto/generated/resources.ts';
import type { ApiObject } from '../../proto/resource.ts';
import type { Stores } from './change.ts';
import type { Bookkeeping, Hold } from './hold.ts';
import { refuseFaults } from './invalid.ts';
import { formatIpv4, parseIpv4, parseIpv4Range } from './ipv4.ts';
import { NumberPool } from './number-pool.ts';

export interface NodePortRange {
  readonly first: number;
  readonly last: number;
}

export interface ServiceAddressParts extends Stores {
  readonly random: Random;
  readonly serviceCidr: string;
  readonly nodePortRange: NodePortRange;
}

/** The API's own Service has the first address of the range. */
export const API_SERVICE = 'default/kubernetes';
export const apiServiceAddress = (serviceCidr: string): string =>
  formatIpv4(parseIpv4Range(serviceCidr).base + 1);

export function createServiceBookkeeping(parts: ServiceAddressParts): Bookkeeping {
  const range = parseIpv4Range(parts.serviceCidr);
  const { nodePortRange: ports } = parts;
  const pools: Pools = {
    cidr: range.text,
    ips: new NumberPool(range.base + 1, range.last - 1, parts.random),
    ports: new NumberPool(ports.first, ports.last, parts.random),
  };
  pools.ips.take(range.base + 1, API_SERVICE);
  let loading: Promise<void> | undefined;

  return {
    async begin(object, previous) {
      loading ??= load(parts, pools);
      await loading.catch((error: unknown) => {
        loading = undefined;
        throw error;
      });
      return hold(pools, object as Service, previous as Service | undefined);
    },
    released(object) {
      const service = object as Service;
      release(pools, heldBy(service), ownerOf(service));
    },
  };
}

interface Pools {
  readonly cidr: string;
  readonly ips: NumberPool;
  readonly ports: NumberPool;
}

interface Numbers {
  readonly ips: readonly number[];
  readonly ports: readonly number[];
}

async function load({ store, hub }: Stores, pools: Pools): Promise<void> {
  await hub.waitFor(await store.progress());
  for (const { object } of hub.cacheOf(SERVICES).list({}).items) {
    const { ips, ports } = heldBy(object as Service);
    const owner = ownerOf(object);
    for (const ip of ips) pools.ips.take(ip, owner);
    for (const port of ports) pools.ports.take(port, owner);
  }
}

/** Takes what the Service lacks or names; nothing waits between the look and the grip. */
function hold(pools: Pools, service: Service, previous: Service | undefined): Hold {
  const owner = ownerOf(service);
  const before = previous ? heldBy(previous) : NONE;
  const revert = () => release(pools, without(heldBy(service), before), owner);
  try {
    const faults = new Faults();
    takeClusterIp(pools, service, faults);
    takeNodePorts(pools, service, faults);
    refuseFaults(SERVICES, service.metadata.name, faults);
  } catch (error) {
    revert();
    throw error;
  }
  const after = heldBy(service);
  let isSettled = false;
  return {
    commit() {
      isSettled = true;
      release(pools, without(before, after), owner);
    },
    revert() {
      if (!isSettled) revert();
      isSettled = true;
    },
  };
}

function takeClusterIp(pools: Pools, service: Service, faults: Faults): void {
  const { spec } = service;
  if (spec.type === 'ExternalName' || spec.clusterIP === 'None') return;
  if (spec.clusterIP) {
    const why = refusalOf(pools, spec.clusterIP, ownerOf(service));
    if (why === undefined) return;
    const text = `failed to allocate IP ${spec.clusterIP}: ${why}`;
    faults.invalid('spec.clusterIPs', [spec.clusterIP], text);
    // What is refused is not ours to give back.
    delete spec.clusterIP;
    return;
  }
  const ip = pools.ips.takeAny(ownerOf(service));
  if (ip === undefined) throw full('failed to allocate a serviceIP: range is full');
  spec.clusterIP = formatIpv4(ip);
  spec.clusterIPs = [spec.clusterIP];
}

function refusalOf(pools: Pools, clusterIp: string, owner: string): string | undefined {
  const ip = parseIpv4(clusterIp);
  if (ip === undefined || !pools.ips.has(ip)) {
    return `the provided IP (${clusterIp}) is not in the valid range. The range of valid IPs is ${pools.cidr}`;
  }
  return pools.ips.take(ip, owner) ? undefined : 'provided IP is already allocated';
}

function takeNodePorts(pools: Pools, service: Service, faults: Faults): void {
  const { spec } = service;
  if (!hasNodePorts(service)) return;
  for (const [index, port] of (spec.ports ?? []).entries()) {
    const field = `spec.ports[${index}].nodePort`;
    if (port.nodePort) takePort(pools, { port, field, owner: ownerOf(service) }, faults);
    else port.nodePort = sharedPort(spec.ports ?? [], port) ?? anyPort(pools, ownerOf(service));
  }
  if (spec.type === 'LoadBalancer' && spec.externalTrafficPolicy === 'Local') {
    if (!spec.healthCheckNodePort) spec.healthCheckNodePort = anyPort(pools, ownerOf(service));
    else pools.ports.take(spec.healthCheckNodePort, ownerOf(service));
  }
}

function takePort(
  { ports }: Pools,
  at: { readonly port: ServicePort; readonly field: string; readonly owner: string },
  faults: Faults,
): void {
  const { port, field, owner } = at;
  const number = port.nodePort!;
  const why = !ports.has(number)
    ? `provided port is not in the valid range. The range of valid ports is ${ports.first}-${ports.last}`
    : ports.take(number, owner)
      ? undefined
      : 'provided port is already allocated';
  if (why === undefined) return;
  faults.invalid(field, number, why);
  delete port.nodePort;
}

/** One port over TCP and UDP (DNS, say) keeps one node port for both. */
const sharedPort = (ports: readonly ServicePort[], port: ServicePort): number | undefined =>
  ports.find(
    (one) => one.port === port.port && one.protocol !== port.protocol && one.nodePort !== undefined,
  )?.nodePort;

function anyPort({ ports }: Pools, owner: string): number {
  const port = ports.takeAny(owner);
  if (port === undefined) throw full('failed to allocate a nodePort: range is full');
  return port;
}

/** The uid: a Service that is to be created must not pass for the stored one of its name. */
const ownerOf = (service: ApiObject): string =>
  keyOf(service) === API_SERVICE ? API_SERVICE : service.metadata.uid!;

const full = (message: string): StatusError => new StatusError('InternalError', message);

const NONE: Numbers = { ips: [], ports: [] };

const hasNodePorts = ({ spec }: Service): boolean =>
  spec.type === 'NodePort' ||
  (spec.type === 'LoadBalancer' && spec.allocateLoadBalancerNodePorts !== false);

function heldBy({ spec }: Service): Numbers {
  const ip = spec.clusterIP ? parseIpv4(spec.clusterIP) : undefined;
  const ports = (spec.ports ?? []).map(({ nodePort }) => nodePort);
  return {
    ips: ip === undefined ? [] : [ip],
    ports: [...ports, spec.healthCheckNodePort].filter((port) => port !== undefined),
  };
}

const without = (all: Numbers, kept: Numbers): Numbers => ({
  ips: all.ips.filter((ip) => !kept.ips.includes(ip)),
  ports: all.ports.filter((port) => !kept.ports.includes(port)),
});

function release(pools: Pools, numbers: Numbers, owner: string): void {
  for (const ip of numbers.ips) if (owner !== API_SERVICE) pools.ips.release(ip, owner);
  for (const port of numbers.ports) pools.ports.release(port, owner);
}
