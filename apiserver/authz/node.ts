// What a node's rules do not say: which objects are its own. A node that fell into wrong hands can
// then reach its own pods and what these need, and nothing of other nodes.
//
//   its Node and its Lease      write      pods bound to it             delete, write status
//   secrets and config maps     read       by name, where such a pod refers to them

import type { Container, Pod, PodSpec } from '../../proto/generated/core.v1.ts';
import { PODS } from '../../proto/generated/resources.ts';
import type { ObjectReader } from '../authn/object-reader.ts';
import type { User } from '../authn/user.ts';
import { type Attributes, isAboutPath, type ResourceAttributes } from './attributes.ts';

const NODES_GROUP = 'system:nodes';
const NODE_USER_PREFIX = 'system:node:';
const READS: ReadonlySet<string> = new Set(['get', 'list', 'watch']);

/** Why a node may not, or undefined when this is no reason (or the user is no node). */
export function foreignToNode(
  reader: ObjectReader,
  user: User,
  attributes: Attributes,
): string | undefined {
  if (!user.groups.includes(NODES_GROUP) || isAboutPath(attributes)) return undefined;
  const nodeName = user.name.startsWith(NODE_USER_PREFIX)
    ? user.name.slice(NODE_USER_PREFIX.length)
    : '';
  if (nodeName === '') return 'the name of a node is system:node:NAME';
  switch (attributes.plural) {
    case 'nodes':
    case 'leases':
      return isOwnName(nodeName, attributes) ? undefined : 'a node may only write what is its own';
    case 'pods':
      return isOwnPod(reader, nodeName, attributes)
        ? undefined
        : 'a node may only change pods that are bound to it';
    case 'secrets':
    case 'configmaps':
      return isReferred(reader, nodeName, attributes)
        ? undefined
        : `no relationship found between node '${nodeName}' and this object`;
    default:
      return undefined;
  }
}

const isOwnName = (nodeName: string, { verb, name }: ResourceAttributes): boolean =>
  READS.has(verb) || name === undefined || name === nodeName;

/** A pod that is not known is left to the registry, which says so. */
function isOwnPod(reader: ObjectReader, nodeName: string, attributes: ResourceAttributes): boolean {
  const { verb, namespace, name } = attributes;
  if (READS.has(verb) || verb === 'create' || name === undefined) return true;
  const pod = reader.get(PODS, { namespace, name });
  return pod === undefined || pod.spec.nodeName === nodeName;
}

function isReferred(
  reader: ObjectReader,
  nodeName: string,
  { verb, plural, namespace, name }: ResourceAttributes,
): boolean {
  if (!READS.has(verb) || namespace === undefined || name === undefined) return false;
  const refersTo = plural === 'secrets' ? secretsOf : configMapsOf;
  return reader.podsOnNode(nodeName, namespace).some((pod) => refersTo(pod).includes(name));
}

export function secretsOf({ spec }: Pod): readonly string[] {
  const volumes = (spec.volumes ?? []).flatMap(({ secret, projected, ...others }) => [
    secret?.secretName,
    ...(projected?.sources ?? []).map((source) => source.secret?.name),
    ...[others.cephfs, others.flexVolume, others.rbd, others.scaleIO, others.storageos].map(
      (one) => one?.secretRef?.name,
    ),
    others.azureFile?.secretName,
    others.csi?.nodePublishSecretRef?.name,
    others.iscsi?.secretRef?.name,
  ]);
  const environment = containersOf(spec).flatMap(({ env = [], envFrom = [] }) => [
    ...env.map(({ valueFrom }) => valueFrom?.secretKeyRef?.name),
    ...envFrom.map(({ secretRef }) => secretRef?.name),
  ]);
  const pulls = (spec.imagePullSecrets ?? []).map(({ name }) => name);
  return named([...volumes, ...environment, ...pulls]);
}

export function configMapsOf({ spec }: Pod): readonly string[] {
  const volumes = (spec.volumes ?? []).flatMap(({ configMap, projected }) => [
    configMap?.name,
    ...(projected?.sources ?? []).map((source) => source.configMap?.name),
  ]);
  const environment = containersOf(spec).flatMap(({ env = [], envFrom = [] }) => [
    ...env.map(({ valueFrom }) => valueFrom?.configMapKeyRef?.name),
    ...envFrom.map(({ configMapRef }) => configMapRef?.name),
  ]);
  return named([...volumes, ...environment]);
}

const containersOf = (spec: PodSpec): readonly Pick<Container, 'env' | 'envFrom'>[] => [
  ...(spec.initContainers ?? []),
  ...spec.containers,
  ...(spec.ephemeralContainers ?? []),
];

const named = (names: readonly (string | undefined)[]): readonly string[] =>
  names.filter((name) => name !== undefined);
