// Where a pod's stream is found: its node's kubelet, and the path there. Pure but for the reads.

import { badRequest, StatusError } from '../../machinery/errors.ts';
import type { Node, Pod } from '../../proto/generated/core.v1.ts';

export interface KubeletAddress {
  readonly nodeName: string;
  readonly host: string;
  readonly port: number;
}

const DEFAULT_CONTAINER = 'kubectl.kubernetes.io/default-container';
/** The port that kubelets listen on unless the Node says otherwise. */
const KUBELET_PORT = 10250;

export function kubeletAddressOf(node: Node): KubeletAddress {
  const { addresses = [], daemonEndpoints } = node.status ?? {};
  const host =
    addresses.find(({ type }) => type === 'InternalIP')?.address ??
    addresses.find(({ type }) => type === 'Hostname')?.address;
  if (host === undefined) {
    const why = `no preferred addresses found for node ${node.metadata.name}`;
    throw new StatusError('InternalError', why);
  }
  const port = daemonEndpoints?.kubeletEndpoint?.Port ?? KUBELET_PORT;
  return { nodeName: node.metadata.name, host, port };
}

/** The one that was asked for, else the default one, else the only one. */
export function containerOf(pod: Pod, asked: string | undefined): string {
  const name = pod.metadata.name;
  const containers = pod.spec.containers.map((one) => one.name);
  const inits = (pod.spec.initContainers ?? []).map((one) => one.name);
  const ephemeral = (pod.spec.ephemeralContainers ?? []).map((one) => one.name);
  if (asked !== undefined && asked !== '') {
    if ([...containers, ...inits, ...ephemeral].includes(asked)) return asked;
    throw badRequest(`container ${asked} is not valid for pod ${name}`);
  }
  const preferred = pod.metadata.annotations?.[DEFAULT_CONTAINER];
  if (preferred !== undefined && containers.includes(preferred)) return preferred;
  const [only] = containers;
  if (containers.length === 1 && only !== undefined) return only;
  const others = inits.length > 0 ? ` or one of the init containers: [${inits.join(' ')}]` : '';
  throw badRequest(
    `a container name must be specified for pod ${name}, ` +
      `choose one of: [${containers.join(' ')}]${others}`,
  );
}

/** What the log door passes on; all else in the query is the apiserver's own. */
const LOG_OPTIONS = [
  'follow',
  'previous',
  'sinceSeconds',
  'sinceTime',
  'timestamps',
  'tailLines',
  'limitBytes',
  'stream',
];

export function logPath(pod: Pod, query: URLSearchParams): string {
  const container = containerOf(pod, query.get('container') ?? undefined);
  const { namespace, name } = pod.metadata;
  const passed = new URLSearchParams();
  for (const option of LOG_OPTIONS) {
    const value = query.get(option);
    if (value !== null) passed.set(option, value);
  }
  return pathOf(['containerLogs', namespace ?? '', name, container], passed);
}

/** `exec` and `attach`: streams and command as the client asked for them. */
export function streamPath(kind: 'exec' | 'attach', pod: Pod, query: URLSearchParams): string {
  const container = containerOf(pod, query.get('container') ?? undefined);
  const { namespace, name } = pod.metadata;
  const passed = new URLSearchParams();
  for (const [option, value] of query) {
    if (STREAM_OPTIONS.has(option)) passed.append(option, value);
  }
  if (kind === 'exec' && !passed.has('command')) {
    throw badRequest('you must specify at least 1 command for the container');
  }
  return pathOf([kind, namespace ?? '', name, container], passed);
}

const STREAM_OPTIONS: ReadonlySet<string> = new Set([
  'stdin',
  'stdout',
  'stderr',
  'tty',
  'command',
]);

export function portForwardPath(pod: Pod, query: URLSearchParams): string {
  const { namespace, name } = pod.metadata;
  const passed = new URLSearchParams();
  for (const port of query.getAll('ports')) passed.append('ports', port);
  return pathOf(['portForward', namespace ?? '', name], passed);
}

function pathOf(segments: readonly string[], query: URLSearchParams): string {
  const path = `/${segments.map(encodeURIComponent).join('/')}`;
  return query.size === 0 ? path : `${path}?${query}`;
}

/** `scheme:name:port`, `name:port` or `name`: how the proxy subresource names its target. */
export interface ProxyTarget {
  readonly scheme: 'http' | 'https';
  readonly name: string;
  readonly port: string;
}

export function proxyTargetOf(text: string): ProxyTarget {
  const parts = text.split(':');
  const [name = '', port = ''] = parts.length === 3 ? parts.slice(1) : parts;
  const scheme = parts.length === 3 ? parts[0] : 'http';
  if (
    parts.length > 3 ||
    name === '' ||
    (scheme !== 'http' && scheme !== 'https' && scheme !== '')
  ) {
    throw badRequest(`invalid proxy request ${JSON.stringify(text)}`);
  }
  return { scheme: scheme === 'https' ? 'https' : 'http', name, port };
}
