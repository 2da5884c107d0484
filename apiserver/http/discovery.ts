// What the server serves, told in the two forms that clients ask for: aggregated (all groups in
// one document) and legacy (a document a level). Pure functions of the kinds.

import { apiVersionOf } from '../../proto/resource.ts';
import type { Kind } from '../registry/kind.ts';
import { type SubresourceInfo, subresourcesOf, verbsOf } from './served.ts';

export interface GroupVersions {
  readonly group: string;
  /** Preferred first. */
  readonly versions: readonly { readonly version: string; readonly kinds: readonly Kind[] }[];
}

/** Groups in the order of the kinds, the core group among them. */
export function groupsOf(kinds: readonly Kind[]): readonly GroupVersions[] {
  const groups = groupedBy(kinds, ({ resource }) => resource.group);
  return [...groups].map(([group, members]) => {
    const versions = groupedBy(members, ({ resource }) => resource.version);
    const sorted = [...versions].sort(([a], [b]) => compareVersions(b, a));
    return { group, versions: sorted.map(([version, kinds]) => ({ version, kinds })) };
  });
}

function groupedBy(kinds: readonly Kind[], keyOf: (kind: Kind) => string): Map<string, Kind[]> {
  const groups = new Map<string, Kind[]>();
  for (const kind of kinds) {
    const members = groups.get(keyOf(kind));
    if (members === undefined) groups.set(keyOf(kind), [kind]);
    else members.push(kind);
  }
  return groups;
}

/** v2 before v1 before v2beta1: stable ones first, then the higher number. */
function compareVersions(a: string, b: string): number {
  const rank = (version: string): number => {
    const [, major = '0', stage = '', minor = '0'] =
      /^v(\d+)(alpha|beta)?(\d+)?$/.exec(version) ?? [];
    const stages: Readonly<Record<string, number>> = { '': 2, beta: 1, alpha: 0 };
    return (stages[stage] ?? 0) * 1e6 + Number(major) * 1e3 + Number(minor);
  };
  return rank(a) - rank(b);
}

export function aggregatedDiscovery(
  groups: readonly GroupVersions[],
  apiVersion: 'apidiscovery.k8s.io/v2' | 'apidiscovery.k8s.io/v2beta1',
): object {
  const items = groups.map(({ group, versions }) => ({
    metadata: { ...(group !== '' && { name: group }), creationTimestamp: null },
    versions: versions.map(({ version, kinds }) => ({
      version,
      resources: kinds.map(aggregatedResource),
      freshness: 'Current',
    })),
  }));
  return { kind: 'APIGroupDiscoveryList', apiVersion, metadata: {}, items };
}

function aggregatedResource(kind: Kind): object {
  const { resource } = kind;
  const { group, version } = resource;
  const subresources = subresourcesOf(kind).map((one) => ({
    subresource: one.name,
    responseKind: { group: one.group ?? group, version: one.version ?? version, kind: one.kind },
    verbs: one.verbs,
  }));
  return {
    resource: resource.plural,
    responseKind: { group, version, kind: resource.kind },
    scope: resource.namespaced ? 'Namespaced' : 'Cluster',
    singularResource: resource.singular,
    verbs: verbsOf(kind),
    ...(resource.shortNames.length > 0 && { shortNames: resource.shortNames }),
    ...(resource.categories.length > 0 && { categories: resource.categories }),
    ...(subresources.length > 0 && { subresources }),
  };
}

export function legacyVersions(serverAddress: string): object {
  const serverAddressByClientCIDRs = [{ clientCIDR: '0.0.0.0/0', serverAddress }];
  return { kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs };
}

export const legacyGroups = (groups: readonly GroupVersions[]): object => ({
  kind: 'APIGroupList',
  apiVersion: 'v1',
  groups: groups.filter(({ group }) => group !== '').map(groupOf),
});

export const legacyGroup = (group: GroupVersions): object => ({
  kind: 'APIGroup',
  apiVersion: 'v1',
  ...groupOf(group),
});

function groupOf({ group, versions }: GroupVersions) {
  const all = versions.map(({ version }) => ({ groupVersion: `${group}/${version}`, version }));
  return { name: group, versions: all, preferredVersion: all[0] };
}

export function legacyResources(kinds: readonly Kind[]): object {
  const [first] = kinds;
  const groupVersion = first === undefined ? '' : apiVersionOf(first.resource);
  const resources = kinds.flatMap((kind) => [
    legacyResource(kind),
    ...subresourcesOf(kind).map((one) => legacySubresource(kind, one)),
  ]);
  return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion, resources };
}

const legacyResource = (kind: Kind): object => {
  const { plural, singular, namespaced, shortNames, categories } = kind.resource;
  return {
    name: plural,
    singularName: singular,
    namespaced,
    kind: kind.resource.kind,
    verbs: verbsOf(kind),
    ...(shortNames.length > 0 && { shortNames }),
    ...(categories.length > 0 && { categories }),
  };
};

const legacySubresource = ({ resource }: Kind, one: SubresourceInfo): object => ({
  name: `${resource.plural}/${one.name}`,
  singularName: '',
  namespaced: resource.namespaced,
  ...(one.group !== undefined && { group: one.group }),
  ...(one.version !== undefined && { version: one.version }),
  kind: one.kind,
  verbs: one.verbs,
});
