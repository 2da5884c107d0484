import { expect, test } from 'vitest';
import type { Pod, Service } from '../../proto/generated/core.v1.ts';
import type { EndpointSlice } from '../../proto/generated/discovery.v1.ts';
import { planEndpoints } from './endpoints.ts';
import { ENDPOINTS_PER_SLICE_MAX, planSlices } from './endpointslice-plan.ts';

const serviceOf = (spec: Partial<Service['spec']> = {}): Service => ({
  metadata: { name: 'web', namespace: 'default', uid: 'uid-web', labels: { tier: 'front' } },
  spec: { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 'http' }], ...spec },
});

const podOf = (index: number, { ready = true, deleting = false, port = 8080 } = {}): Pod => ({
  metadata: {
    name: `web-${index}`,
    namespace: 'default',
    uid: `uid-${index}`,
    labels: { app: 'web' },
    ...(deleting && { deletionTimestamp: '2030-01-01T00:00:00Z' }),
  },
  spec: {
    nodeName: 'n1',
    containers: [{ name: 'main', ports: [{ name: 'http', containerPort: port }] }],
  },
  status: {
    phase: 'Running',
    podIP: `10.0.0.${index}`,
    podIPs: [{ ip: `10.0.0.${index}` }],
    conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }],
  },
});

const plan = (service: Service, pods: readonly Pod[], slices: readonly EndpointSlice[] = []) =>
  planSlices({ service, pods, slices, zoneOf: () => 'z1' });

const named = (slices: readonly EndpointSlice[]): EndpointSlice[] =>
  slices.map((slice, i) => ({ ...slice, metadata: { ...slice.metadata, name: `web-${i}` } }));

test('ready pods are endpoints, on the port that the service names', () => {
  const [slice] = plan(serviceOf(), [podOf(1)]).create;
  expect(slice).toMatchObject({
    addressType: 'IPv4',
    metadata: {
      generateName: 'web-',
      labels: {
        tier: 'front',
        'kubernetes.io/service-name': 'web',
        'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
      },
      ownerReferences: [{ kind: 'Service', name: 'web', uid: 'uid-web', controller: true }],
    },
    ports: [{ name: '', port: 8080, protocol: 'TCP' }],
    endpoints: [
      {
        addresses: ['10.0.0.1'],
        conditions: { ready: true, serving: true, terminating: false },
        nodeName: 'n1',
        zone: 'z1',
        targetRef: { kind: 'Pod', namespace: 'default', name: 'web-1', uid: 'uid-1' },
      },
    ],
  });
});

test('what is as it should be is left alone', () => {
  const pods = [podOf(1), podOf(2)];
  const slices = named(plan(serviceOf(), pods).create);
  expect(plan(serviceOf(), pods, slices)).toEqual({ create: [], update: [], remove: [] });
});

test('a pod that ends serves but is not ready; one that is not ready does not serve', () => {
  const pods = [podOf(1, { deleting: true }), podOf(2, { ready: false })];
  const conditions = plan(serviceOf(), pods).create[0]?.endpoints?.map((one) => one.conditions);
  expect(conditions).toEqual([
    { ready: false, serving: true, terminating: true },
    { ready: false, serving: false, terminating: false },
  ]);
  const published = serviceOf({ publishNotReadyAddresses: true });
  expect(plan(published, pods).create[0]?.endpoints?.map((one) => one.conditions?.ready)).toEqual([
    true,
    true,
  ]);
});

test('pods that serve a named port on different numbers get different slices', () => {
  const { create } = plan(serviceOf(), [podOf(1), podOf(2, { port: 9090 })]);
  expect(create.map(({ ports }) => ports?.[0]?.port).sort()).toEqual([8080, 9090]);
});

test('no slice holds more than its share, and a change touches one slice', () => {
  const many = Array.from({ length: 250 }, (_, i) => podOf(i));
  const slices = named(plan(serviceOf(), many).create);
  expect(slices.map(({ endpoints }) => endpoints?.length)).toEqual([100, 100, 50]);
  const change = plan(serviceOf(), [...many.slice(1), podOf(250), podOf(251)], slices);
  expect(change.create).toEqual([]);
  expect(change.remove).toEqual([]);
  const sizes = change.update.map(({ endpoints }) => endpoints?.length ?? 0);
  expect(Math.max(...sizes)).toBeLessThanOrEqual(ENDPOINTS_PER_SLICE_MAX);
  expect(sizes.length).toBeLessThanOrEqual(2);
});

test('a service without endpoints keeps one empty slice', () => {
  expect(plan(serviceOf(), []).create).toMatchObject([{ endpoints: [] }]);
  const slices = named(plan(serviceOf(), [podOf(1), podOf(2, { port: 9090 })]).create);
  const emptied = plan(serviceOf(), [], slices);
  expect(emptied.update).toMatchObject([{ endpoints: [] }]);
  expect(emptied.update[0]?.ports).toBeUndefined();
  expect(emptied.remove).toHaveLength(1);
});

test('a headless service names its pods, and says that it is headless', () => {
  const headless = serviceOf({ clusterIP: 'None' });
  const pod = podOf(1);
  pod.spec = { ...pod.spec, hostname: 'db-0', subdomain: 'web' };
  const [slice] = plan(headless, [pod]).create;
  expect(slice?.endpoints?.[0]?.hostname).toBe('db-0');
  expect(slice?.metadata.labels).toHaveProperty(['service.kubernetes.io/headless'], '');
});

test('endpoints list ready and unready addresses, and no pod that ends', () => {
  const pods = [podOf(2, { ready: false }), podOf(1), podOf(3, { deleting: true })];
  const endpoints = planEndpoints(serviceOf(), pods, undefined);
  expect(endpoints.metadata).toMatchObject({ name: 'web', namespace: 'default' });
  expect(endpoints.subsets).toMatchObject([
    {
      addresses: [{ ip: '10.0.0.1', nodeName: 'n1', targetRef: { name: 'web-1' } }],
      notReadyAddresses: [{ ip: '10.0.0.2' }],
      ports: [{ port: 8080, protocol: 'TCP' }],
    },
  ]);
  expect(planEndpoints(serviceOf(), pods, endpoints)).toEqual(endpoints);
});
