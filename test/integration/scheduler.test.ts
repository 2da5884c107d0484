// The scheduler against a real apiserver, over gRPC, with the certificate that it has in a cluster:
// what it may do is tested along with what it does.

import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { createGrpcTransport } from '../../client/grpc-transport.ts';
import { systemClock } from '../../machinery/clock.ts';
import { silentLog } from '../../machinery/log.ts';
import { systemRandom } from '../../machinery/random.ts';
import type { Transport } from '../../machinery/transport.ts';
import { EVENTS, LEASES, NODES, PODS, SERVICE_ACCOUNTS } from '../../proto/generated/resources.ts';
import { createSchedulerComponent } from '../../scheduler/component.ts';
import { defaultProfile } from '../../scheduler/profile.ts';
import { startTestApiServer, type TestApiServer } from '../api-server.ts';
import { node, pod } from '../scheduling-builders.ts';

let api: TestApiServer;
let theirs: Transport;
let stop: AbortController;
let running: Promise<unknown>;

beforeAll(async () => {
  api = await startTestApiServer();
  const metadata = { namespace: 'default', name: 'default' };
  await api.transport.create(SERVICE_ACCOUNTS, { metadata }).catch(() => {});
});

afterAll(() => api.close());

afterEach(async () => {
  stop.abort(new Error('test over'));
  await running;
  theirs.close();
  await api.transport.deleteCollection(PODS, { namespace: 'default' }, { gracePeriodSeconds: 0 });
  for (const { metadata } of (await api.transport.list(NODES, {})).items) {
    await api.transport.delete(NODES, { name: metadata.name });
  }
});

async function start({ isElected = false } = {}) {
  const { certificate, key } = await api.client('system:kube-scheduler');
  const ca = api.ca.certificate;
  theirs = createGrpcTransport({ address: api.grpcAddress, ca, certificate, key });
  const election = { namespace: 'kube-system', name: 'scheduler', identity: 'test' };
  const scheduler = createSchedulerComponent({
    transport: theirs,
    profiles: [defaultProfile({ transport: theirs })],
    config: isElected ? { election } : {},
    clock: systemClock,
    random: systemRandom,
    log: silentLog,
  });
  stop = new AbortController();
  running = scheduler.run(stop.signal).catch(() => {});
}

const addNode = (name: string, allocatable?: Record<string, string>) =>
  api.transport.create(NODES, node(name, allocatable && { allocatable })).then(async (created) => {
    const wanted = node(name, allocatable && { allocatable });
    await api.transport.update(
      NODES,
      { ...created, status: wanted.status! },
      { subresource: 'status' },
    );
    // Controllers would take this off once the node is ready.
    await api.transport.patch(NODES, { name }, { type: 'merge', body: { spec: { taints: null } } });
  });

async function until<T>(ask: () => Promise<T | undefined>, withinMs = 20_000): Promise<T> {
  const endMs = systemClock.now() + withinMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (systemClock.now() > endMs) throw new Error('not so in time');
    await systemClock.sleep(20);
  }
}

const get = (name: string) => api.transport.get(PODS, { namespace: 'default', name });
const create = (name: string, cpu: string) =>
  api.transport.create(PODS, pod(name, { requests: { cpu }, uid: '' }));
const eventsAbout = async (name: string, reason: string) => {
  const { items } = await api.transport.list(EVENTS, { namespace: 'default' });
  const found = items.filter((it) => it.involvedObject.name === name && it.reason === reason);
  return found.length > 0 ? found : undefined;
};

test('a pod is bound, its condition says so, and so does an event', async () => {
  await addNode('n1');
  await start({ isElected: true });
  await create('p', '1');
  const bound = await until(async () => {
    const now = await get('p');
    return now.spec.nodeName === undefined ? undefined : now;
  });
  expect(bound.spec.nodeName).toBe('n1');
  const scheduled = bound.status?.conditions?.find(({ type }) => type === 'PodScheduled');
  expect(scheduled?.status).toBe('True');
  const [event] = await until(() => eventsAbout('p', 'Scheduled'));
  expect(event?.message).toBe('Successfully assigned default/p to n1');
  const lease = await api.transport.get(LEASES, { namespace: 'kube-system', name: 'scheduler' });
  expect(lease.spec?.holderIdentity).toBe('test');
});

test('a pod that fits nowhere says why, and fits once a node comes', async () => {
  await addNode('small', { cpu: '1', memory: '1Gi', pods: '10' });
  await start();
  await create('big', '2');
  const message = '0/1 nodes are available: 1 Insufficient cpu.';
  const condition = await until(async () =>
    (await get('big')).status?.conditions?.find(({ reason }) => reason === 'Unschedulable'),
  );
  expect(condition).toMatchObject({ type: 'PodScheduled', status: 'False', message });
  const [event] = await until(() => eventsAbout('big', 'FailedScheduling'));
  expect(event?.message).toBe(message);
  await addNode('large');
  await until(async () => ((await get('big')).spec.nodeName === 'large' ? true : undefined));
});

test('hundreds of pods at once: all bound, no node over its capacity', async () => {
  for (let i = 0; i < 10; i++) await addNode(`n${i}`);
  await start();
  const names = Array.from({ length: 400 }, (_, i) => `p${i}`);
  await Promise.all(names.map((name) => create(name, '100m')));
  const placed = await until(async () => {
    const { items } = await api.transport.list(PODS, { namespace: 'default' });
    return items.every(({ spec }) => spec.nodeName) ? items : undefined;
  });
  const counts = new Map<string, number>();
  for (const { spec } of placed) {
    counts.set(spec.nodeName!, (counts.get(spec.nodeName!) ?? 0) + 1);
  }
  // Forty of a tenth of a core fill a node of four cores.
  expect([...counts.values()]).toEqual(Array.from({ length: 10 }, () => 40));
});
