// Subresources that are streams: log, exec, attach, portforward and proxy. The apiserver finds who
// can answer, and relays.

import { badRequest, StatusError } from '../../machinery/errors.ts';
import type { Endpoints, Node, Pod, Service } from '../../proto/generated/core.v1.ts';
import { ENDPOINTS, NODES, PODS, SERVICES } from '../../proto/generated/resources.ts';
import type { ApiObject, Resource } from '../../proto/resource.ts';
import { send } from '../http/answer.ts';
import { callOf, type ResourceExchange } from '../http/exchange.ts';
import type { Registry } from '../registry/registry.ts';
import {
  kubeletAddressOf,
  logPath,
  type ProxyTarget,
  portForwardPath,
  proxyTargetOf,
  streamPath,
} from './location.ts';
import { type Destination, relay, type TlsClient } from './relay.ts';

const PORT_MAX = 65_535;

export interface ConnectParts {
  readonly registry: Registry;
  /** How this server shows itself to kubelets; absent: nothing can be relayed to them. */
  readonly kubeletClient: TlsClient | undefined;
}

export type ConnectDoor = (exchange: ResourceExchange) => Promise<void>;

export const STREAMS: ReadonlySet<string> = new Set([
  'log',
  'exec',
  'attach',
  'portforward',
  'proxy',
]);

export function connectDoor({ registry, kubeletClient }: ConnectParts): ConnectDoor {
  return async function connect(exchange) {
    const { plural, subresource } = exchange.resource;
    if (subresource === 'proxy') return proxy(exchange);
    if (plural !== 'pods') throw badRequest(`${plural} have no ${subresource}`);
    return podStream(exchange);
  };

  async function podStream(exchange: ResourceExchange): Promise<void> {
    const { query } = exchange.info;
    const pod = await read<Pod>(exchange, PODS, exchange.resource.name ?? '');
    const path = podPath(exchange, pod, query);
    const { nodeName } = pod.spec;
    if (!nodeName) {
      // Nothing has been said yet; for all else a node is needed.
      if (exchange.resource.subresource === 'log') {
        return send(exchange.response, 200, 'text/plain', '');
      }
      throw badRequest(`pod ${pod.metadata.name} does not have a host assigned`);
    }
    if (exchange.resource.subresource !== 'log' && exchange.upgrade === undefined) {
      throw badRequest('Upgrade request required');
    }
    const node = await read<Node>(exchange, NODES, nodeName);
    return relay(exchange, toKubelet(node, path));
  }

  function podPath({ resource }: ResourceExchange, pod: Pod, query: URLSearchParams): string {
    switch (resource.subresource) {
      case 'log':
        return logPath(pod, query);
      case 'exec':
      case 'attach':
        return streamPath(resource.subresource, pod, query);
      default:
        return portForwardPath(pod, query);
    }
  }

  function toKubelet(node: Node, path: string): Destination {
    if (kubeletClient === undefined) {
      throw new StatusError('ServiceUnavailable', 'this server has no certificate for kubelets');
    }
    const { host, port, nodeName } = kubeletAddressOf(node);
    return { host, port, path, tls: { ...kubeletClient, serverName: nodeName } };
  }

  async function proxy(exchange: ResourceExchange): Promise<void> {
    const { resource, info } = exchange;
    const target = proxyTargetOf(resource.name ?? '');
    const query = info.query.size === 0 ? '' : `?${info.query}`;
    const path = `${resource.rest ?? '/'}${query}`;
    const destination = await proxyDestination(exchange, target, path);
    return relay(exchange, { ...destination, passHeaders: true });
  }

  async function proxyDestination(
    exchange: ResourceExchange,
    target: ProxyTarget,
    path: string,
  ): Promise<Destination> {
    const tls = target.scheme === 'https' && { tls: { rejectUnauthorized: false } };
    switch (exchange.resource.plural) {
      case 'nodes':
        return toKubelet(await read<Node>(exchange, NODES, target.name), path);
      case 'pods': {
        const pod = await read<Pod>(exchange, PODS, target.name);
        const host = pod.status?.podIP;
        if (!host) throw badRequest(`pod ${target.name} has no address yet`);
        refuseLocal(host);
        const port = portOf(target.port || String(firstPortOf(pod)));
        return { host, port, path, ...tls };
      }
      case 'services':
        return { ...(await endpointOf(exchange, target)), path, ...tls };
      default:
        throw badRequest(`${exchange.resource.plural} cannot be proxied to`);
    }
  }

  async function endpointOf(
    exchange: ResourceExchange,
    target: ProxyTarget,
  ): Promise<{ readonly host: string; readonly port: number }> {
    const service = await read<Service>(exchange, SERVICES, target.name);
    const wanted = servicePortOf(service, target.port);
    const { subsets = [] } = await read<Endpoints>(exchange, ENDPOINTS, target.name);
    for (const { addresses = [], ports = [] } of subsets) {
      const [address] = addresses;
      const port = ports.find(({ name }) => (name ?? '') === wanted);
      if (address === undefined || port === undefined) continue;
      refuseLocal(address.ip);
      return { host: address.ip, port: port.port };
    }
    throw new StatusError(
      'ServiceUnavailable',
      `no endpoints available for service "${exchange.resource.name}"`,
    );
  }

  async function read<T extends ApiObject>(
    exchange: ResourceExchange,
    resource: Resource<T>,
    name: string,
  ): Promise<T> {
    const kind = registry.kindOf(resource.group, resource.version, resource.plural);
    if (kind === undefined) throw badRequest(`${resource.plural} are not served`);
    const { namespace } = exchange.resource;
    const { user } = callOf(exchange, false);
    const item = await registry.get({ user, kind, name, namespace });
    return item.object as T;
  }
}

/** A proxy must not be a way into the apiserver's own machine. */
function refuseLocal(host: string): void {
  const isLocal = /^(127\.|169\.254\.|0\.|::1$|fe80:)/i.test(host);
  if (isLocal) throw badRequest(`address ${host} is not allowed`);
}

function portOf(text: string): number {
  const port = Number(text);
  if (Number.isInteger(port) && port > 0 && port <= PORT_MAX) return port;
  throw badRequest(`invalid port ${JSON.stringify(text)}`);
}

const firstPortOf = ({ spec }: Pod): number =>
  spec.containers.flatMap(({ ports = [] }) => ports)[0]?.containerPort ?? 80;

/** The name of the port, as its endpoints carry it. */
function servicePortOf({ metadata, spec }: Service, port: string): string {
  const ports = spec.ports ?? [];
  const found =
    port === '' && ports.length === 1
      ? ports[0]
      : ports.find((one) => one.name === port || String(one.port) === port);
  if (found === undefined) {
    throw new StatusError(
      'ServiceUnavailable',
      `no service port ${JSON.stringify(port)} found for service "${metadata.name}"`,
    );
  }
  return found.name ?? '';
}
