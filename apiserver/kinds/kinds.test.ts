import { expect, test } from 'vitest';
import { Faults } from '../../machinery/validation.ts';
import type { Deployment, ReplicaSet } from '../../proto/generated/apps.v1.ts';
import type { Endpoints, Event, Node, Service } from '../../proto/generated/core.v1.ts';
import type { EndpointSlice } from '../../proto/generated/discovery.v1.ts';
import { RESOURCES } from '../../proto/generated/resources.ts';
import type { ApiObject } from '../../proto/resource.ts';
import { columnsOf } from '../registry/columns.ts';
import { eraseKind, type Kind } from '../registry/kind.ts';
import { configMapKind, secretKind } from './configuration.ts';
import { deploymentKind } from './deployment.ts';
import { endpointSliceKind, endpointsKind } from './endpoints.ts';
import { eventKind } from './event.ts';
import { KINDS } from './kinds.ts';
import { leaseKind } from './lease.ts';
import { nodeKind, validateTaints } from './node.ts';
import { replicaSetKind } from './replica-set.ts';
import { serviceKind } from './service.ts';

const NOW = Date.parse('2026-01-01T01:00:00Z');
const HOUR_AGO = '2026-01-01T00:00:00Z';

/** The row as `kubectl get` has it; `wide` as `-o wide`. */
function row(kind: Kind, object: ApiObject, width: 'narrow' | 'wide' = 'narrow'): string {
  const columns = columnsOf(kind).filter((column) => width === 'wide' || !column.wide);
  return columns.map((column) => `${column.name}=${column.value(object, NOW)}`).join(' | ');
}

function faultsOf<T extends ApiObject>(
  kind: { validate?(object: T, faults: Faults): void },
  object: T,
): string[] {
  const faults = new Faults();
  kind.validate?.(object, faults);
  return faults.causes.map(({ field, message }) => `${field}: ${message}`);
}

const metadata = (name: string) => ({ name, namespace: 'default', creationTimestamp: HOUR_AGO });
const labels = { app: 'web' };
const template = {
  metadata: { name: '', labels },
  spec: {
    containers: [
      { name: 'web', image: 'nginx:1' },
      { name: 'log', image: 'busybox:1' },
    ],
  },
};
const deployment = (spec: Partial<Deployment['spec']> = {}): Deployment => ({
  metadata: metadata('web'),
  spec: { replicas: 3, selector: { matchLabels: labels }, template, ...spec },
  status: { readyReplicas: 2, updatedReplicas: 3, availableReplicas: 1 },
});
const service = (spec: Service['spec'], status?: Service['status']): Service => ({
  metadata: metadata('web'),
  spec,
  ...(status && { status }),
});

test('every kind is one that the schema knows, and stands once', () => {
  const names = KINDS.map(
    ({ resource }) => `${resource.plural}.${resource.version}.${resource.group}`,
  );
  expect(new Set(names).size).toBe(names.length);
  for (const { resource } of KINDS) expect(RESOURCES).toContain(resource);
});

test('rows of workloads', () => {
  expect(row(eraseKind(deploymentKind), deployment(), 'wide')).toBe(
    'Name=web | Ready=2/3 | Up-to-date=3 | Available=1 | Age=60m | ' +
      'Containers=web,log | Images=nginx:1,busybox:1 | Selector=app=web',
  );
  const replicaSet: ReplicaSet = {
    metadata: metadata('web-1'),
    spec: { replicas: 3, selector: { matchLabels: labels }, template },
    status: { replicas: 2, readyReplicas: 1 },
  };
  expect(row(eraseKind(replicaSetKind), replicaSet)).toBe(
    'Name=web-1 | Desired=3 | Current=2 | Ready=1 | Age=60m',
  );
});

test('the row of a node', () => {
  const node: Node = {
    metadata: {
      name: 'n1',
      creationTimestamp: HOUR_AGO,
      labels: { 'node-role.kubernetes.io/worker': '', 'kubernetes.io/role': 'edge' },
    },
    spec: { unschedulable: true },
    status: {
      conditions: [{ type: 'Ready', status: 'True' }],
      addresses: [{ type: 'InternalIP', address: '10.0.0.1' }],
      nodeInfo: { kubeletVersion: 'v1', osImage: 'Debian' } as NonNullable<
        Node['status']
      >['nodeInfo'] &
        object,
    },
  };
  expect(row(eraseKind(nodeKind), node, 'wide')).toBe(
    'Name=n1 | Status=Ready,SchedulingDisabled | Roles=edge,worker | Age=60m | Version=v1 | ' +
      'Internal-IP=10.0.0.1 | External-IP=<none> | OS-Image=Debian | Kernel-Version=<unknown> | ' +
      'Container-Runtime=<unknown>',
  );
  const bare: Node = { metadata: { name: 'n2' }, spec: {} };
  expect(row(eraseKind(nodeKind), bare)).toBe(
    'Name=n2 | Status=Unknown | Roles=<none> | Age=<unknown> | Version=',
  );
  const down = { ...bare, status: { conditions: [{ type: 'Ready', status: 'Unknown' as const }] } };
  expect(row(eraseKind(nodeKind), down)).toContain('Status=NotReady');
});

test('rows of services', () => {
  const kind = eraseKind(serviceKind);
  const ports = [
    { port: 80, nodePort: 30080, protocol: 'TCP' as const },
    { port: 53, protocol: 'UDP' as const },
  ];
  const inner = service({ type: 'NodePort', clusterIP: '10.96.0.2', ports, selector: labels });
  expect(row(kind, inner, 'wide')).toBe(
    'Name=web | Type=NodePort | Cluster-IP=10.96.0.2 | External-IP=<none> | ' +
      'Port(s)=80:30080/TCP,53/UDP | Age=60m | Selector=app=web',
  );
  expect(row(kind, service({ type: 'LoadBalancer' }))).toContain('External-IP=<pending>');
  const balanced = service(
    { type: 'LoadBalancer' },
    { loadBalancer: { ingress: [{ ip: '1.2.3.4' }] } },
  );
  expect(row(kind, balanced)).toContain('External-IP=1.2.3.4');
  expect(row(kind, service({ type: 'ExternalName', externalName: 'a.b' }))).toContain(
    'Cluster-IP=<none> | External-IP=a.b | Port(s)=<none>',
  );
});

test('the row of an event begins with when it was last seen', () => {
  const event: Event = {
    metadata: metadata('p.1'),
    involvedObject: { kind: 'Pod', name: 'p', fieldPath: 'spec.containers{a}' },
    type: 'Normal',
    reason: 'Pulled',
    message: 'it is there\n',
    firstTimestamp: HOUR_AGO,
    lastTimestamp: '2026-01-01T00:59:30Z',
    count: 4,
    source: { component: 'kubelet', host: 'n1' },
  };
  expect(row(eraseKind(eventKind), event, 'wide')).toBe(
    'Last Seen=30s | Type=Normal | Reason=Pulled | Object=pod/p | Subobject=spec.containers{a} | ' +
      'Source=kubelet, n1 | Message=it is there | First Seen=60m | Count=4 | Name=p.1',
  );
});

test('rows of endpoints show three, and how many more', () => {
  const addresses = ['10.1.0.1', '10.1.0.2', '10.1.0.3', '10.1.0.4', '10.1.0.5'];
  const endpoints: Endpoints = {
    metadata: metadata('web'),
    subsets: [{ addresses: addresses.map((ip) => ({ ip })), ports: [{ port: 80 }] }],
  };
  expect(row(eraseKind(endpointsKind), endpoints)).toBe(
    'Name=web | Endpoints=10.1.0.1:80,10.1.0.2:80,10.1.0.3:80 + 2 more... | Age=60m',
  );
  expect(row(eraseKind(endpointsKind), { metadata: metadata('web') })).toContain(
    'Endpoints=<none>',
  );
  const slice: EndpointSlice = {
    metadata: metadata('web-1'),
    addressType: 'IPv4',
    endpoints: addresses.map((address) => ({ addresses: [address] })),
    ports: [{ name: 'http', port: 80 }],
  };
  expect(row(eraseKind(endpointSliceKind), slice)).toBe(
    'Name=web-1 | AddressType=IPv4 | Ports=80 | Endpoints=10.1.0.1,10.1.0.2,10.1.0.3 + 2 more... | Age=60m',
  );
});

test('a deployment rolls a quarter at a time unless it says otherwise', () => {
  const made = deployment({ strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 2 } } });
  deploymentKind.defaults!(made);
  expect(made.spec.strategy?.rollingUpdate).toEqual({ maxSurge: 2, maxUnavailable: '25%' });
  const recreated = deployment({ strategy: { type: 'Recreate' } });
  deploymentKind.defaults!(recreated);
  expect(recreated.spec.strategy).not.toHaveProperty('rollingUpdate');
});

test.each<[string, Partial<Deployment['spec']>]>([
  ['spec.replicas: Invalid value: -1: must be greater than or equal to 0', { replicas: -1 }],
  [
    'spec.template.metadata.labels: Invalid value: {"app":"web"}: `selector` does not match template `labels`',
    { selector: { matchLabels: { app: 'other' } } },
  ],
  ['spec.selector: Invalid value: {}: empty selector is invalid for deployment', { selector: {} }],
  [
    'spec.strategy.rollingUpdate.maxUnavailable: Invalid value: 0: may not be 0 when `maxSurge` is 0',
    { strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '0%', maxUnavailable: 0 } } },
  ],
  [
    "spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'",
    { strategy: { type: 'Recreate', rollingUpdate: {} } },
  ],
  [
    'spec.strategy.rollingUpdate.maxUnavailable: Invalid value: "150%": must not be greater than 100%',
    { strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: '150%' } } },
  ],
  [
    'spec.progressDeadlineSeconds: Invalid value: 5: must be greater than minReadySeconds',
    { minReadySeconds: 5, progressDeadlineSeconds: 5 },
  ],
  [
    'spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"',
    { template: { ...template, spec: { ...template.spec, restartPolicy: 'Never' } } },
  ],
  [
    'spec.template.spec.containers[0].image: Required value',
    { template: { ...template, spec: { containers: [{ name: 'a' }] } } },
  ],
])('%s', (fault, spec) => {
  expect(faultsOf(deploymentKind, deployment(spec))).toEqual([fault]);
});

test.each<[string, Service['spec']]>([
  ['spec.ports: Required value', { type: 'ClusterIP' }],
  [
    'spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive',
    { ports: [{ port: 0 }] },
  ],
  ['spec.ports[0].name: Required value', { ports: [{ port: 1 }, { port: 2, name: 'b' }] }],
  [
    'spec.ports[1].name: Duplicate value: "a"',
    {
      ports: [
        { port: 1, name: 'a' },
        { port: 2, name: 'a' },
      ],
    },
  ],
  ['spec.externalName: Required value', { type: 'ExternalName' }],
  [
    'spec.clusterIPs[0]: Invalid value: "None": may not be set to \'None\' for NodePort services',
    { type: 'NodePort', clusterIP: 'None', clusterIPs: ['None'] },
  ],
  [
    'spec.clusterIPs[0]: Invalid value: "1.2.3": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
    { clusterIP: '1.2.3', clusterIPs: ['1.2.3'], ports: [{ port: 1 }] },
  ],
  [
    'spec.sessionAffinityConfig.clientIP.timeoutSeconds: Invalid value: 0: must be greater than 0 and less than 86400',
    { ports: [{ port: 1 }], sessionAffinityConfig: { clientIP: { timeoutSeconds: 0 } } },
  ],
])('%s', (fault, spec) => {
  expect(faultsOf(serviceKind, service(spec))).toEqual([fault]);
});

test('taints stand once each and are named well', () => {
  const faults = new Faults();
  const taint = { key: 'a', value: 'b', effect: 'NoSchedule' as const };
  validateTaints([taint, { ...taint, value: 'c' }, { ...taint, key: 'bad key' }], faults);
  expect(faults.causes.map(({ field, reason }) => `${field} ${reason}`)).toEqual([
    'spec.taints[1] FieldValueDuplicate',
    'spec.taints[2].key FieldValueInvalid',
  ]);
});

test('data that is frozen stays', () => {
  const before = { metadata: metadata('a'), immutable: true, data: { a: 'b' } };
  const faults = new Faults();
  configMapKind.validateUpdate!({ ...before, data: { a: 'c' }, immutable: false }, before, faults);
  expect(faults.causes.map(({ field }) => field)).toEqual(['immutable', 'data']);
});

test('secrets have what their type needs, and keep it', () => {
  expect(
    faultsOf(secretKind, { metadata: metadata('a'), type: 'kubernetes.io/tls', data: {} }),
  ).toEqual(['data[tls.crt]: Required value', 'data[tls.key]: Required value']);
  const faults = new Faults();
  const before = { metadata: metadata('a'), type: 'Opaque' };
  secretKind.validateUpdate!({ ...before, type: 'other' }, before, faults);
  expect(faults.causes.map(({ message }) => message)).toEqual([
    'Invalid value: "other": field is immutable',
  ]);
});

test('keys and sizes of data are checked', () => {
  const big = { metadata: metadata('a'), data: { a: 'x'.repeat(1024 * 1024 + 1) } };
  expect(faultsOf(configMapKind, big)[0]).toContain('Too long: may not be more than 1048576 bytes');
  const odd = { metadata: metadata('a'), data: { 'a b': 'c' } };
  expect(faultsOf(configMapKind, odd)[0]).toContain('data[a b]: Invalid value: "a b"');
});

test('a lease lasts, and an event stays with what it is about', () => {
  const lease = {
    metadata: metadata('a'),
    spec: { leaseDurationSeconds: 0, leaseTransitions: -1 },
  };
  expect(faultsOf(leaseKind, lease)).toHaveLength(2);
  const event = { metadata: metadata('e'), involvedObject: { namespace: 'other' } };
  expect(faultsOf(eventKind, event as Event)).toEqual([
    'involvedObject.namespace: Invalid value: "other": does not match event.namespace',
  ]);
});
