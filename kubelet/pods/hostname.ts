// A pod's name for itself, and the small files under /etc that tell it.

import type { Pod, PodDNSConfig } from '../../proto/generated/core.v1.ts';

export interface DnsSettings {
  /** Addresses of the cluster's DNS; none: pods use the node's. */
  readonly clusterDns: readonly string[];
  readonly clusterDomain: string;
  /** The node's own /etc/resolv.conf. */
  readonly hostResolvConf: string;
}

const HOSTNAME_LENGTH_MAX = 63;
const SEARCH_MAX = 32; // More search domains than resolvers take would hide the rest.

export function hostnameOf(pod: Pod, clusterDomain: string): string {
  const short = shortNameOf(pod);
  return pod.spec.setHostnameAsFQDN ? (fqdnOf(pod, clusterDomain) ?? short) : short;
}

/** The pod says itself what it is called, so it must be so from the first instruction on. */
export const hasOwnHostname = ({ spec }: Pod): boolean =>
  Boolean(spec.hostname || spec.subdomain || spec.setHostnameAsFQDN || spec.hostnameOverride);

const shortNameOf = ({ metadata, spec }: Pod): string =>
  spec.hostnameOverride ||
  spec.hostname ||
  metadata.name.slice(0, HOSTNAME_LENGTH_MAX).replace(/[-.]+$/, '');

function fqdnOf(pod: Pod, clusterDomain: string): string | undefined {
  const { subdomain } = pod.spec;
  if (!subdomain) return undefined;
  return `${shortNameOf(pod)}.${subdomain}.${pod.metadata.namespace}.svc.${clusterDomain}`;
}

export function hostsFileOf(
  pod: Pod,
  { ip, clusterDomain }: { readonly ip: string; readonly clusterDomain: string },
): string {
  const names = [fqdnOf(pod, clusterDomain), shortNameOf(pod)].filter(Boolean).join('\t');
  const aliases = (pod.spec.hostAliases ?? []).map(
    (alias) => `${alias.ip}\t${(alias.hostnames ?? []).join('\t')}`,
  );
  return [
    '# Kubernetes-managed hosts file.',
    '127.0.0.1\tlocalhost',
    '::1\tlocalhost ip6-localhost ip6-loopback',
    'fe00::\tip6-localnet',
    'fe00::1\tip6-allnodes',
    'fe00::2\tip6-allrouters',
    ...(ip === '' ? [] : [`${ip}\t${names}`]),
    ...aliases,
    '',
  ].join('\n');
}

export function resolvConfOf(pod: Pod, settings: DnsSettings): string {
  const base = baseOf(pod, settings);
  const { nameservers = [], searches = [], options = [] }: PodDNSConfig = pod.spec.dnsConfig ?? {};
  const extra = options.map(({ name = '', value }) => (value ? `${name}:${value}` : name));
  const overridden = new Set(extra.map((option) => option.split(':')[0]));
  const kept = base.options.filter((option) => !overridden.has(option.split(':')[0]));
  const lines = [
    ...unique([...base.nameservers, ...nameservers]).map((server) => `nameserver ${server}`),
    ...lineOf('search', unique([...base.searches, ...searches]).slice(0, SEARCH_MAX)),
    ...lineOf('options', [...kept, ...extra]),
  ];
  return `${lines.join('\n')}\n`;
}

interface Dns {
  readonly nameservers: readonly string[];
  readonly searches: readonly string[];
  readonly options: readonly string[];
}

function baseOf({ metadata, spec }: Pod, settings: DnsSettings): Dns {
  const policy = spec.dnsPolicy ?? 'ClusterFirst';
  if (policy === 'None') return { nameservers: [], searches: [], options: [] };
  const host = parseResolvConf(settings.hostResolvConf);
  const wantsCluster =
    policy === 'ClusterFirstWithHostNet' || (policy === 'ClusterFirst' && !spec.hostNetwork);
  if (!wantsCluster || settings.clusterDns.length === 0) return host;
  const domain = settings.clusterDomain;
  return {
    nameservers: settings.clusterDns,
    searches: [`${metadata.namespace}.svc.${domain}`, `svc.${domain}`, domain, ...host.searches],
    options: ['ndots:5'],
  };
}

export function parseResolvConf(text: string): Dns {
  const words = text.split('\n').map((line) => line.trim().split(/\s+/));
  const of = (key: string): string[][] => words.filter(([first]) => first === key);
  return {
    nameservers: of('nameserver').map(([, server]) => server ?? ''),
    searches: of('search').at(-1)?.slice(1) ?? [],
    options: of('options').flatMap(([, ...options]) => options),
  };
}

const lineOf = (key: string, words: readonly string[]): string[] =>
  words.length === 0 ? [] : [`${key} ${words.join(' ')}`];

const unique = (words: readonly string[]): string[] => [...new Set(words)];
