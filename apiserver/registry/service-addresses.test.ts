import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Service, ServiceSpec } from '../../proto/generated/core.v1.ts';
import { SERVICES } from '../../proto/generated/resources.ts';
import { type InProcessApi, startInProcessApi } from '../../test/in-process-api.ts';
import { SeededRandom } from '../../test/sim/seeded-random.ts';
import { MemoryStore } from '../store/memory.ts';
import { NumberPool } from './number-pool.ts';

let api: InProcessApi;
beforeEach(async () => {
  api = await startInProcessApi();
});
afterEach(() => api.close());

const service = (name: string, spec: Partial<ServiceSpec> = {}): Service => ({
  metadata: { namespace: 'default', name },
  spec: { ports: [{ port: 80 }], ...spec },
});
const create = (name: string, spec?: Partial<ServiceSpec>) =>
  api.transport.create<Service>(SERVICES, service(name, spec));
const at = (name: string) => ({ namespace: 'default', name });

test('a service gets an address of the range, and the rest that upstream fills in', async () => {
  const { spec, status } = await create('web');
  expect(spec).toMatchObject({
    type: 'ClusterIP',
    clusterIP: expect.stringMatching(/^10\.96\.\d+\.\d+$/),
    ipFamilies: ['IPv4'],
    ipFamilyPolicy: 'SingleStack',
    internalTrafficPolicy: 'Cluster',
    sessionAffinity: 'None',
    ports: [{ port: 80, protocol: 'TCP', targetPort: 80 }],
  });
  expect(spec.clusterIPs).toEqual([spec.clusterIP]);
  expect(status).toEqual({ loadBalancer: {} });
});

test('the API has the first address, and its service is there from the start', async () => {
  const own = await api.transport.get(SERVICES, at('kubernetes'));
  expect(own.spec.clusterIP).toBe('10.96.0.1');
  await expect(create('thief', { clusterIP: '10.96.0.1' })).rejects.toMatchObject({
    reason: 'Invalid',
    message: expect.stringContaining(
      'spec.clusterIPs: Invalid value: ["10.96.0.1"]: failed to allocate IP 10.96.0.1: ' +
        'provided IP is already allocated',
    ),
  });
});

test('no address and no port is given twice, however many ask at once', async () => {
  const names = Array.from({ length: 60 }, (_, index) => `s${index}`);
  const made = await Promise.all(names.map((name) => create(name, { type: 'NodePort' })));
  expect(new Set(made.map(({ spec }) => spec.clusterIP)).size).toBe(60);
  expect(new Set(made.map(({ spec }) => spec.ports![0]!.nodePort)).size).toBe(60);
});

test('what is asked for by value is honoured once, and free again after the delete', async () => {
  const wish = { type: 'NodePort' as const, clusterIP: '10.96.0.53' };
  const ports = [{ port: 53, nodePort: 30053 }];
  const made = await create('a', { ...wish, ports });
  expect(made.spec).toMatchObject({ clusterIP: '10.96.0.53', ports: [{ nodePort: 30053 }] });
  await expect(create('b', { type: 'NodePort', ports })).rejects.toMatchObject({
    message:
      'Service "b" is invalid: spec.ports[0].nodePort: Invalid value: 30053: ' +
      'provided port is already allocated',
  });
  await expect(create('a', { ...wish, ports })).rejects.toMatchObject({ reason: 'Invalid' });
  await api.transport.delete(SERVICES, at('a'));
  expect((await create('b', { ...wish, ports })).spec.clusterIP).toBe('10.96.0.53');
});

test('values outside the ranges are refused', async () => {
  await expect(create('a', { clusterIP: '10.97.0.1' })).rejects.toMatchObject({
    message: expect.stringContaining(
      'is not in the valid range. The range of valid IPs is 10.96.0.0/16',
    ),
  });
  const ports = [{ port: 80, nodePort: 80 }];
  await expect(create('a', { type: 'NodePort', ports })).rejects.toMatchObject({
    message: expect.stringContaining('The range of valid ports is 30000-32767'),
  });
});

test('a refused or dry write gives back what it took', async () => {
  const ports = [
    { name: 'a', port: 80, nodePort: 30080 },
    { name: 'b', port: 81, nodePort: 5 },
  ];
  await expect(create('a', { type: 'NodePort', ports })).rejects.toMatchObject({
    reason: 'Invalid',
  });
  const dry = service('a', { type: 'NodePort', ports: [ports[0]!] });
  await api.transport.create(SERVICES, dry, { dryRun: true });
  const made = await create('b', { type: 'NodePort', ports: [ports[0]!] });
  expect(made.spec.ports?.[0]?.nodePort).toBe(30080);
});

test('the address stays through updates; ports come and go with the type', async () => {
  const { spec, metadata } = await create('a', { type: 'NodePort' });
  const { nodePort } = spec.ports![0]!;
  const bare = { metadata, spec: { type: 'NodePort' as const, ports: [{ port: 80 }] } };
  const kept = await api.transport.update<Service>(SERVICES, bare);
  expect(kept.spec).toMatchObject({ clusterIP: spec.clusterIP, ports: [{ nodePort }] });
  const inner = { ...kept, spec: { ...kept.spec, type: 'ClusterIP' as const } };
  const closed = await api.transport.update<Service>(SERVICES, inner);
  expect(closed.spec.ports?.[0]).not.toHaveProperty('nodePort');
  expect(closed.spec).not.toHaveProperty('externalTrafficPolicy');
  const taker = await create('b', { type: 'NodePort', ports: [{ port: 80, nodePort: nodePort! }] });
  expect(taker.spec.ports?.[0]?.nodePort).toBe(nodePort);
  const moved = {
    ...closed,
    spec: { ...closed.spec, clusterIP: '10.96.9.9', clusterIPs: ['10.96.9.9'] },
  };
  await expect(api.transport.update<Service>(SERVICES, moved)).rejects.toMatchObject({
    message: expect.stringContaining('may not change once set'),
  });
});

test('headless and external services have no address', async () => {
  const headless = await create('a', { clusterIP: 'None' });
  expect(headless.spec).toMatchObject({ clusterIP: 'None', clusterIPs: ['None'] });
  const external = await create('b', { type: 'ExternalName', externalName: 'example.com' });
  expect(external.spec).not.toHaveProperty('clusterIP');
});

test('one port over two protocols shares its node port', async () => {
  const ports = [
    { name: 'dns', port: 53, protocol: 'UDP' as const },
    { name: 'dns-tcp', port: 53, protocol: 'TCP' as const },
  ];
  const { spec } = await create('dns', { type: 'NodePort', ports });
  expect(spec.ports?.[0]?.nodePort).toBe(spec.ports?.[1]?.nodePort);
});

test('a registry that starts over the same store knows what is taken', async () => {
  const store = new MemoryStore();
  const first = await startInProcessApi({ store });
  const wish = { clusterIP: '10.96.0.77' };
  await first.transport.create(SERVICES, service('a', wish));
  const second = await startInProcessApi({ store, hasDefaultAccount: false });
  await expect(second.transport.create(SERVICES, service('b', wish))).rejects.toMatchObject({
    message: expect.stringContaining('provided IP is already allocated'),
  });
  await first.close();
  await second.close();
});

test('a pool gives every number once, then none', () => {
  const pool = new NumberPool(1, 40, new SeededRandom(1));
  const taken = Array.from({ length: 40 }, () => pool.takeAny('x'));
  expect(new Set(taken).size).toBe(40);
  expect(pool.takeAny('x')).toBeUndefined();
  pool.release(7, 'y');
  expect(pool.takeAny('x')).toBeUndefined();
  pool.release(7, 'x');
  expect(pool.takeAny('x')).toBe(7);
});
