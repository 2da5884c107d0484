// Objects for tests: valid as they are; say only what the test is about.

import type {
  Deployment,
  DeploymentSpec,
  ReplicaSet,
  ReplicaSetSpec,
} from '../proto/generated/apps.v1.ts';
import type { Lease, LeaseSpec } from '../proto/generated/coordination.v1.ts';
import type {
  ConfigMap,
  Namespace,
  Node,
  NodeStatus,
  Pod,
  PodSpec,
  PodStatus,
  PodTemplateSpec,
  Secret,
  Service,
  ServiceSpec,
} from '../proto/generated/core.v1.ts';
import type { ObjectMeta } from '../proto/generated/meta.v1.ts';

type Meta = Partial<ObjectMeta>;

interface Parts<Spec, Status = never> {
  readonly metadata?: Meta;
  readonly spec?: Partial<Spec>;
  readonly status?: Status;
}

const metaOf = (name: string, metadata: Meta = {}): ObjectMeta => ({
  name,
  namespace: 'default',
  ...metadata,
});

const globalMetaOf = (name: string, metadata: Meta = {}): ObjectMeta => ({ name, ...metadata });

export const pod = (
  name: string,
  { metadata, spec, status }: Parts<PodSpec, PodStatus> = {},
): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: metaOf(name, metadata),
  spec: { containers: [{ name: 'main', image: 'wherry/busybox:1' }], ...spec },
  ...(status !== undefined && { status }),
});

export const podTemplate = (
  labels: Record<string, string> = { app: 'web' },
  spec: Partial<PodSpec> = {},
): PodTemplateSpec => ({
  // The server fills a template's metadata; the type asks for a name that templates do not have.
  metadata: { labels } as ObjectMeta,
  spec: { containers: [{ name: 'main', image: 'wherry/busybox:1' }], ...spec },
});

export const deployment = (
  name: string,
  { metadata, spec }: Parts<DeploymentSpec> = {},
): Deployment => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: metaOf(name, metadata),
  spec: {
    replicas: 1,
    selector: { matchLabels: { app: 'web' } },
    template: podTemplate(),
    ...spec,
  },
});

export const replicaSet = (
  name: string,
  { metadata, spec }: Parts<ReplicaSetSpec> = {},
): ReplicaSet => ({
  apiVersion: 'apps/v1',
  kind: 'ReplicaSet',
  metadata: metaOf(name, metadata),
  spec: {
    replicas: 1,
    selector: { matchLabels: { app: 'web' } },
    template: podTemplate(),
    ...spec,
  },
});

export const service = (name: string, { metadata, spec }: Parts<ServiceSpec> = {}): Service => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: metaOf(name, metadata),
  spec: { selector: { app: 'web' }, ports: [{ port: 80 }], ...spec },
});

/** Ready, with 4 cores, 8 GiB and room for 110 pods. */
export const node = (
  name: string,
  { metadata, spec, status }: Parts<Node['spec'], NodeStatus> = {},
): Node => {
  const resources = { cpu: '4', memory: '8Gi', pods: '110' };
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: globalMetaOf(name, metadata),
    spec: { ...spec },
    status: {
      capacity: resources,
      allocatable: resources,
      conditions: [{ type: 'Ready', status: 'True' }],
      ...status,
    },
  };
};

export const namespace = (name: string, metadata?: Meta): Namespace => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: globalMetaOf(name, metadata),
  spec: {},
});

export const configMap = (
  name: string,
  data: Record<string, string> = {},
  metadata?: Meta,
): ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: metaOf(name, metadata),
  data,
});

/** Values in plain text: they are encoded here. */
export const secret = (
  name: string,
  values: Record<string, string> = {},
  metadata?: Meta,
): Secret => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: metaOf(name, metadata),
  type: 'Opaque',
  data: Object.fromEntries(
    Object.entries(values).map(([key, text]) => [key, Buffer.from(text).toString('base64')]),
  ),
});

export const lease = (name: string, { metadata, spec }: Parts<LeaseSpec> = {}): Lease => ({
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  metadata: metaOf(name, metadata),
  spec: { holderIdentity: 'tester', leaseDurationSeconds: 15, ...spec },
});
