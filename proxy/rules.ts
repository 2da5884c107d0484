// From service ports to the chains of two tables. Pure: values in, rule texts out.
//
//   nat     PREROUTING, OUTPUT → SERVICES → SVC → SEP (DNAT)
//                                └ to this node itself → NODEPORTS → EXT → SVC or SVL → SEP
//           POSTROUTING → masquerade what is marked, and what leaves the pod network
//   filter  INPUT, OUTPUT, FORWARD → REJECT for services that nobody answers for

import type { Chains } from './chains.ts';
import { contains } from './cidr.ts';
import type { ServiceMap, ServicePortRules, Target } from './service-map.ts';

/** The bit of the packet mark that asks for masquerading; upstream's. */
const MARK = '0x4000';
const REFUSAL = '-j REJECT --reject-with icmp-port-unreachable';

/** A chain's rules, each without its `-A CHAIN`. */
export type TableChains = ReadonlyMap<string, readonly string[]>;

/** A rule in a chain that is not ours, which leads to one of ours. */
export interface Jump {
  readonly table: 'nat' | 'filter';
  readonly from: string;
  readonly to: string;
}

export interface RuleSet {
  readonly nat: TableChains;
  readonly filter: TableChains;
  readonly jumps: readonly Jump[];
  /** Chains in which the order of rules does not matter: single rules may be added and removed. */
  readonly unordered: ReadonlySet<string>;
}

export interface RuleOptions {
  readonly chains: Chains;
  /** Addresses of pods, e.g. `10.244.0.0/16`; empty: unknown. */
  readonly clusterCidr: string;
  /** Addresses of Services; whatever is not translated there is refused. Empty: unknown. */
  readonly serviceCidr: string;
}

/** What one service port contributes. */
interface Contribution {
  readonly nat: TableChains;
  readonly dispatch: readonly string[];
  readonly nodePorts: readonly string[];
  readonly reject: readonly string[];
}

/** Good for one set of options. */
export type RuleMemo = WeakMap<ServicePortRules, Contribution>;

/** With a memo, the chains of what has not changed are the same objects as before. */
export function planRules(
  services: ServiceMap,
  options: RuleOptions,
  memo: RuleMemo = new WeakMap(),
): RuleSet {
  const { chains, serviceCidr } = options;
  const nat = new Map<string, readonly string[]>();
  const dispatch: string[] = [];
  const nodePorts: string[] = [];
  const reject: string[] = [];
  for (const service of services.values()) {
    const part = memo.get(service) ?? contributionOf(service, options);
    memo.set(service, part);
    for (const [chain, rules] of part.nat) nat.set(chain, rules);
    dispatch.push(...part.dispatch);
    nodePorts.push(...part.nodePorts);
    reject.push(...part.reject);
  }
  // After translation nothing goes to a service address any more: what does has no endpoints.
  if (serviceCidr !== '') reject.push(`-d ${serviceCidr} ${REFUSAL}`);
  nat.set(chains.services, [...dispatch, `-m addrtype --dst-type LOCAL -j ${chains.nodePorts}`]);
  nat.set(chains.nodePorts, nodePorts);
  nat.set(chains.masquerade, [`-j MARK --or-mark ${MARK}`]);
  nat.set(chains.postrouting, postroutingOf(options));
  return {
    nat,
    filter: filterChains(reject, options),
    jumps: jumpsOf(chains),
    unordered: new Set([chains.services, chains.nodePorts, chains.reject]),
  };
}

function contributionOf(service: ServicePortRules, options: RuleOptions): Contribution {
  return {
    nat: chainsFor(service, options),
    dispatch: dispatchOf(service, options.chains),
    nodePorts: nodePortsOf(service, options.chains),
    reject: rejectRules(service, options),
  };
}

const jumpsOf = (chains: Chains): readonly Jump[] => [
  { table: 'nat', from: 'PREROUTING', to: chains.services },
  { table: 'nat', from: 'OUTPUT', to: chains.services },
  { table: 'nat', from: 'POSTROUTING', to: chains.postrouting },
  { table: 'filter', from: 'INPUT', to: chains.input },
  { table: 'filter', from: 'OUTPUT', to: chains.output },
  { table: 'filter', from: 'FORWARD', to: chains.forward },
];

const keyOf = ({ name, protocol }: ServicePortRules): string => `${name}/${protocol}`;

const comment = (text: string): string =>
  `-m comment --comment "${text.replace(/[^A-Za-z0-9 ./:_-]/g, '_').slice(0, 200)}"`;

const portMatch = (protocol: string, port: number): string =>
  `-p ${protocol} -m ${protocol} --dport ${port}`;

/** No rule leads to an empty chain: unanswered traffic falls through to the filter. */
function dispatchOf(service: ServicePortRules, chains: Chains): readonly string[] {
  const { name, protocol, clusterIp, port, internal, externalIps } = service;
  const match = (ip: string) => `-d ${ip}/32 ${portMatch(protocol, port)} ${comment(name)}`;
  const rules: string[] = [];
  if (internal.length > 0) {
    rules.push(`${match(clusterIp)} -j ${chains.of('SVC', keyOf(service))}`);
  }
  if (service.external.length > 0) {
    const external = chains.of('EXT', keyOf(service));
    rules.push(...externalIps.map((ip) => `${match(ip)} -j ${external}`));
  }
  return rules;
}

function nodePortsOf(service: ServicePortRules, chains: Chains): readonly string[] {
  const { name, protocol, nodePort, external } = service;
  if (nodePort === undefined || external.length === 0) return [];
  const to = chains.of('EXT', keyOf(service));
  return [`${portMatch(protocol, nodePort)} ${comment(name)} -j ${to}`];
}

function chainsFor(service: ServicePortRules, options: RuleOptions): TableChains {
  const nat = new Map<string, readonly string[]>();
  const { chains, clusterCidr } = options;
  const { protocol, clusterIp, port, internal, external, externalPolicy } = service;
  const key = keyOf(service);
  const isExposed = service.nodePort !== undefined || service.externalIps.length > 0;
  if (internal.length > 0) {
    const fromOutside =
      clusterCidr === ''
        ? []
        : [
            `! -s ${clusterCidr} -d ${clusterIp}/32 ${portMatch(protocol, port)} ` +
              `-j ${chains.masquerade}`,
          ];
    nat.set(chains.of('SVC', key), [...fromOutside, ...choiceOf(service, internal, chains)]);
  }
  if (isExposed && external.length > 0) {
    nat.set(chains.of('EXT', key), externalChain(service, options));
    // Traffic from outside may go elsewhere than traffic from inside.
    if (externalPolicy === 'Local' || internal !== external) {
      nat.set(chains.of('SVL', key), [...choiceOf(service, external, chains)]);
    }
  }
  const targets = isExposed ? [...internal, ...external] : internal;
  for (const target of targets) {
    nat.set(endpointChain(service, target, chains), endpointRules(service, target, chains));
  }
  return nat;
}

/**
 * Cluster: the answer must come back this way, so the source becomes ours. Local: clients outside
 * keep their address; pods and this node itself need no such care and reach all endpoints.
 */
function externalChain(service: ServicePortRules, { chains, clusterCidr }: RuleOptions): string[] {
  const key = keyOf(service);
  const { internal, external, externalPolicy } = service;
  const all = internal.length > 0 ? chains.of('SVC', key) : chains.of('SVL', key);
  if (externalPolicy === 'Cluster') {
    const to = internal === external ? chains.of('SVC', key) : chains.of('SVL', key);
    return [`-j ${chains.masquerade}`, `-j ${to}`];
  }
  return [
    ...(clusterCidr === '' ? [] : [`-s ${clusterCidr} -j ${all}`]),
    `-m addrtype --src-type LOCAL -j ${chains.masquerade}`,
    `-m addrtype --src-type LOCAL -j ${all}`,
    `-j ${chains.of('SVL', key)}`,
  ];
}

const endpointChain = (service: ServicePortRules, { ip, port }: Target, chains: Chains): string =>
  chains.of('SEP', `${keyOf(service)} ${ip}:${port}`);

/** Clients that are remembered keep their endpoint; the others are spread by chance. */
function choiceOf(
  service: ServicePortRules,
  targets: readonly Target[],
  chains: Chains,
): readonly string[] {
  const to = targets.map((target) => endpointChain(service, target, chains));
  const { affinitySeconds } = service;
  const remembered =
    affinitySeconds === undefined
      ? []
      : to.map(
          (chain) =>
            `-m recent --rcheck --seconds ${affinitySeconds} --reap --name ${chain} ` +
            `--rsource -j ${chain}`,
        );
  const spread = to.map((chain, i) => {
    const left = to.length - i;
    if (left === 1) return `-j ${chain}`;
    return `-m statistic --mode random --probability ${(1 / left).toFixed(10)} -j ${chain}`;
  });
  return [...remembered, ...spread];
}

/** A pod that reaches itself through its Service would otherwise answer itself directly. */
function endpointRules(service: ServicePortRules, { ip, port }: Target, chains: Chains): string[] {
  const chain = endpointChain(service, { ip, port }, chains);
  const remember =
    service.affinitySeconds === undefined ? '' : `-m recent --set --name ${chain} --rsource `;
  return [
    `-s ${ip}/32 ${comment(service.name)} -j ${chains.masquerade}`,
    `${remember}-p ${service.protocol} -m ${service.protocol} -j DNAT --to-destination ${ip}:${port}`,
  ];
}

/** The mark is taken off again, so that nothing later acts on it a second time. */
function postroutingOf({ clusterCidr }: RuleOptions): string[] {
  const marked = `-m mark --mark ${MARK}/${MARK}`;
  const leaving = clusterCidr === '' ? [] : [`-s ${clusterCidr} ! -d ${clusterCidr} -j MASQUERADE`];
  return [
    ...leaving,
    `-m mark ! --mark ${MARK}/${MARK} -j RETURN`,
    `${marked} -j MARK --xor-mark ${MARK}`,
    '-j MASQUERADE --random-fully',
  ];
}

function filterChains(
  reject: readonly string[],
  { chains, clusterCidr }: RuleOptions,
): TableChains {
  const refuseNew = `-m conntrack --ctstate NEW -j ${chains.reject}`;
  // With route_localnet on, others must not reach what listens on this node's loopback.
  const guardLoopback =
    '! -s 127.0.0.0/8 -d 127.0.0.0/8 -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP';
  const accept =
    clusterCidr === ''
      ? ['-m conntrack --ctstate DNAT -j ACCEPT']
      : [
          `-s ${clusterCidr} -d ${clusterCidr} -j ACCEPT`,
          `-d ${clusterCidr} -m conntrack --ctstate DNAT -j ACCEPT`,
          `-s ${clusterCidr} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT`,
          `-d ${clusterCidr} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT`,
        ];
  return new Map([
    [chains.input, [guardLoopback, refuseNew]],
    [chains.output, [refuseNew]],
    [chains.forward, [refuseNew, ...accept]],
    [chains.reject, reject],
  ]);
}

function rejectRules(service: ServicePortRules, { serviceCidr }: RuleOptions): readonly string[] {
  const { name, protocol, clusterIp, port, nodePort, hasEndpoints } = service;
  const rules: string[] = [];
  // Nobody at all is refused at once; somebody on another node only: it is not ours to answer.
  const verdict = hasEndpoints ? '-j DROP' : REFUSAL;
  const refusal = (ip: string) =>
    `-d ${ip}/32 ${portMatch(protocol, port)} ${comment(name)} ${verdict}`;
  const isCovered = !hasEndpoints && contains(serviceCidr, clusterIp);
  if (service.internal.length === 0 && !isCovered) rules.push(refusal(clusterIp));
  if (service.external.length > 0) return rules;
  rules.push(...service.externalIps.map(refusal));
  if (nodePort !== undefined) {
    const match = `-m addrtype --dst-type LOCAL ${portMatch(protocol, nodePort)}`;
    rules.push(`${match} ${comment(name)} ${verdict}`);
  }
  return rules;
}
