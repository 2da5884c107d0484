// The caches that all controllers share: one informer per resource, and of each object only what
// somebody reads. Objects that a controller writes back whole are kept whole.

import type { SharedInformer } from '../client/informer.ts';
import type { Informers } from '../client/informers.ts';
import type { Container, ContainerStatus, Node, Pod } from '../proto/generated/core.v1.ts';
import type { ObjectMeta } from '../proto/generated/meta.v1.ts';
import {
  CONFIG_MAPS,
  DEPLOYMENTS,
  ENDPOINT_SLICES,
  ENDPOINTS,
  LEASES,
  NAMESPACES,
  NODES,
  PODS,
  REPLICA_SETS,
  SECRETS,
  SERVICE_ACCOUNTS,
  SERVICES,
} from '../proto/generated/resources.ts';
import type { ApiObject, Resource } from '../proto/resource.ts';
import { accountIndex, BY_ACCOUNT, isAccountAnnotation } from './controllers/account-tokens.ts';
import { BY_SERVICE, serviceKeys } from './controllers/endpointslice.ts';
import { BY_NODE, nodeIndex } from './controllers/node-lifecycle.ts';
import { BY_CONTROLLER, controllerIndex } from './ownership.ts';
import { DELETION_COST } from './pod-ranking.ts';

export type Caches = ReturnType<typeof createCaches>;

export const createCaches = (informers: Informers) => ({
  pods: informers.of(PODS, {
    transform: slimPod,
    indexes: { [BY_CONTROLLER]: controllerIndex, [BY_NODE]: nodeIndex },
  }),
  replicaSets: informers.of(REPLICA_SETS, { indexes: { [BY_CONTROLLER]: controllerIndex } }),
  deployments: informers.of(DEPLOYMENTS),
  services: informers.of(SERVICES),
  endpoints: informers.of(ENDPOINTS),
  slices: informers.of(ENDPOINT_SLICES, { indexes: { [BY_SERVICE]: serviceKeys } }),
  nodes: informers.of(NODES, { transform: slimNode }),
  leases: informers.of(LEASES),
  namespaces: informers.of(NAMESPACES),
  accounts: informers.of(SERVICE_ACCOUNTS),
  configMaps: metadataOf(informers, CONFIG_MAPS),
  secrets: metadataOf(informers, SECRETS, { [BY_ACCOUNT]: accountIndex }),
});

/** For resources of which only the metadata matters; one that is cached already is shared. */
export const metadataOf = (
  informers: Informers,
  resource: Resource,
  indexes: Readonly<Record<string, (object: ApiObject) => readonly string[]>> = {},
): SharedInformer<ApiObject> =>
  informers.of<ApiObject>(resource, { transform: slimToMetadata, indexes });

export function slimToMetadata({ apiVersion, kind, metadata }: ApiObject): ApiObject {
  return {
    ...(apiVersion !== undefined && { apiVersion }),
    ...(kind !== undefined && { kind }),
    metadata: slimMetadata(metadata, isAccountAnnotation),
  };
}

/** What controllers read of a pod. They write pods by patches, so nothing is lost. */
export function slimPod(pod: Pod): Pod {
  const { nodeName, hostname, subdomain, tolerations, containers, initContainers } = pod.spec;
  return {
    ...slimToMetadata(pod),
    metadata: {
      ...slimMetadata(pod.metadata, (name) => name === DELETION_COST),
      ...(pod.metadata.labels && { labels: pod.metadata.labels }),
    },
    spec: {
      ...(nodeName !== undefined && { nodeName }),
      ...(hostname !== undefined && { hostname }),
      ...(subdomain !== undefined && { subdomain }),
      ...(tolerations !== undefined && { tolerations }),
      containers: containers.map(slimContainer),
      ...(initContainers && {
        initContainers: initContainers
          .filter(({ restartPolicy }) => restartPolicy === 'Always')
          .map(slimContainer),
      }),
    },
    ...(pod.status && { status: slimPodStatus(pod.status) }),
  };
}

/** Images make up most of a node, and nobody here asks for them. */
export function slimNode(node: Node): Node {
  const { metadata, spec, status } = node;
  return {
    ...slimToMetadata(node),
    metadata: {
      ...slimMetadata(metadata, () => false),
      ...(metadata.labels && { labels: metadata.labels }),
    },
    spec,
    ...(status && { status: { ...(status.conditions && { conditions: status.conditions }) } }),
  };
}

function slimMetadata(metadata: ObjectMeta, keepsAnnotation: (name: string) => boolean) {
  const { managedFields: _, labels: __, annotations = {}, ...rest } = metadata;
  const kept = Object.entries(annotations).filter(([name]) => keepsAnnotation(name));
  return { ...rest, ...(kept.length > 0 && { annotations: Object.fromEntries(kept) }) };
}

const slimContainer = ({ name, ports, restartPolicy }: Container): Container => ({
  name,
  ...(ports && { ports }),
  ...(restartPolicy !== undefined && { restartPolicy }),
});

function slimPodStatus({
  phase,
  podIP,
  podIPs,
  conditions,
  containerStatuses,
}: PodStatus): PodStatus {
  return {
    ...(phase !== undefined && { phase }),
    ...(podIP !== undefined && { podIP }),
    ...(podIPs && { podIPs }),
    ...(conditions && { conditions }),
    ...(containerStatuses && { containerStatuses: containerStatuses.map(slimContainerStatus) }),
  };
}

type PodStatus = NonNullable<Pod['status']>;

const slimContainerStatus = ({ name, ready, restartCount }: ContainerStatus): ContainerStatus => ({
  name,
  ready,
  restartCount,
  image: '',
  imageID: '',
});
