// Which verbs and subresources a kind has: one table for discovery, OpenAPI and the doors.

import type { Kind } from '../registry/kind.ts';

export interface SubresourceInfo {
  readonly name: string;
  readonly verbs: readonly string[];
  /** Of the body, where it is not the parent's. */
  readonly kind: string;
  readonly group?: string;
  readonly version?: string;
}

const ALL = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];
const CHANGE = ['get', 'patch', 'update'];
const PROXY = ['create', 'delete', 'get', 'patch', 'update'];

/** Kinds that are not stored, or not wholly open. By plural. */
const VERBS: Readonly<Record<string, readonly string[]>> = {
  namespaces: ALL.filter((verb) => verb !== 'deletecollection'),
  bindings: ['create'],
  componentstatuses: ['get', 'list'],
  tokenreviews: ['create'],
  selfsubjectreviews: ['create'],
  selfsubjectaccessreviews: ['create'],
  selfsubjectrulesreviews: ['create'],
  subjectaccessreviews: ['create'],
  localsubjectaccessreviews: ['create'],
};

type Body = Omit<SubresourceInfo, 'name'>;

const AUTHENTICATION = { group: 'authentication.k8s.io', version: 'v1' };

/** By `plural/subresource`, or by subresource where all kinds agree. */
const SUBRESOURCES: Readonly<Record<string, Body>> = {
  'pods/log': { kind: 'Pod', verbs: ['get'] },
  'pods/exec': { kind: 'PodExecOptions', verbs: ['create', 'get'] },
  'pods/attach': { kind: 'PodAttachOptions', verbs: ['create', 'get'] },
  'pods/portforward': { kind: 'PodPortForwardOptions', verbs: ['create', 'get'] },
  'pods/proxy': { kind: 'PodProxyOptions', verbs: PROXY },
  'pods/binding': { kind: 'Binding', verbs: ['create'] },
  'pods/eviction': { kind: 'Eviction', group: 'policy', version: 'v1', verbs: ['create'] },
  'services/proxy': { kind: 'ServiceProxyOptions', verbs: PROXY },
  'nodes/proxy': { kind: 'NodeProxyOptions', verbs: PROXY },
  'namespaces/finalize': { kind: 'Namespace', verbs: ['update'] },
  'serviceaccounts/token': { kind: 'TokenRequest', ...AUTHENTICATION, verbs: ['create'] },
  scale: { kind: 'Scale', group: 'autoscaling', version: 'v1', verbs: CHANGE },
};

export const verbsOf = ({ resource }: Kind): readonly string[] =>
  Object.hasOwn(VERBS, resource.plural) ? (VERBS[resource.plural] ?? ALL) : ALL;

/** Declared, but without a door yet: what is not served is not told of. */
const CLOSED: ReadonlySet<string> = new Set(['ephemeralcontainers', 'resize']);

export function subresourcesOf(kind: Kind): readonly SubresourceInfo[] {
  const { plural } = kind.resource;
  const names = new Set([
    ...(kind.subresources ?? []).filter((name) => !CLOSED.has(name)),
    ...(kind.scale ? ['scale'] : []),
    ...(kind.hasStatus ? ['status'] : []),
  ]);
  return [...names].sort().map((name) => {
    const body = SUBRESOURCES[`${plural}/${name}`] ?? SUBRESOURCES[name];
    return { name, kind: kind.resource.kind, verbs: CHANGE, ...body };
  });
}

export const hasSubresource = (kind: Kind, subresource: string): boolean =>
  subresourcesOf(kind).some(({ name }) => name === subresource);

export function isServed(kind: Kind, verb: string, subresource: string | undefined): boolean {
  if (subresource === undefined) return verbsOf(kind).includes(verb);
  const found = subresourcesOf(kind).find(({ name }) => name === subresource);
  return found?.verbs.includes(verb) === true;
}
