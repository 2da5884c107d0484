import { afterEach, expect, test } from 'vitest';
import { StatusError } from '../machinery/errors.ts';
import { silentLog } from '../machinery/log.ts';
import type { Pod } from '../proto/generated/core.v1.ts';
import { node, pod } from '../test/scheduling-builders.ts';
import { FakeClock } from '../test/sim/fake-clock.ts';
import { FakePods } from '../test/sim/fake-pods.ts';
import { SeededRandom } from '../test/sim/seeded-random.ts';
import { defaultProfile } from './profile.ts';
import { createScheduler, type PodEvent } from './scheduler.ts';

const clock = new FakeClock();
const stops: AbortController[] = [];
const runs: Promise<void>[] = [];

afterEach(async () => {
  for (const stop of stops.splice(0)) stop.abort(new Error('test over'));
  await clock.advance(10_000);
  await Promise.all(runs.splice(0));
});

function start(api: FakePods, seed = 1) {
  const events: (PodEvent & { readonly pod: string })[] = [];
  const stop = new AbortController();
  stops.push(stop);
  const scheduler = createScheduler({
    transport: api.transport,
    pods: api.pods,
    nodes: api.nodes,
    profiles: [defaultProfile({ transport: api.transport })],
    events: { event: (about, event) => events.push({ ...event, pod: about.metadata.name }) },
    clock,
    random: new SeededRandom(seed),
    log: silentLog,
  });
  const ended = scheduler.run(stop.signal);
  runs.push(ended);
  return { events, ended, stop: () => stop.abort(new Error('stopped')) };
}

const half = (name: string, uid?: string): Pod =>
  pod(name, { requests: { cpu: '2', memory: '1Gi' }, ...(uid && { uid }) });
const nodeNameOf = (api: FakePods, name: string) => api.pods.get(`default/${name}`)?.spec.nodeName;
function gate() {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}
const unreachable = () => new StatusError('ServiceUnavailable', 'connection lost');

test('pending pods are bound, those there before the start and those that come', async () => {
  const api = new FakePods();
  api.nodes.put(node('n1'));
  api.create(half('early'));
  const { events } = start(api);
  await clock.advance(0);
  api.create(half('late'));
  await clock.advance(0);
  expect(api.bindings).toEqual([
    { pod: 'default/early', node: 'n1' },
    { pod: 'default/late', node: 'n1' },
  ]);
  expect(events).toContainEqual({
    pod: 'early',
    type: 'Normal',
    reason: 'Scheduled',
    message: 'Successfully assigned default/early to n1',
  });
});

test('a pod that fits nowhere says why and is placed once it does', async () => {
  const api = new FakePods();
  api.nodes.put(node('n1'));
  for (const name of ['a', 'b', 'c']) api.create(half(name));
  const { events } = start(api);
  await clock.advance(0);
  const message = '0/1 nodes are available: 1 Insufficient cpu.';
  expect(api.conditions.get('default/c')).toMatchObject({
    type: 'PodScheduled',
    status: 'False',
    reason: 'Unschedulable',
    message,
  });
  expect(events).toContainEqual({ pod: 'c', type: 'Warning', reason: 'FailedScheduling', message });
  api.delete('default/a');
  await clock.advance(2_000);
  expect(nodeNameOf(api, 'c')).toBe('n1');
});

test('a condition that says the same already is not written again', async () => {
  const api = new FakePods();
  api.nodes.put(node('n1', { allocatable: { cpu: '1', memory: '8Gi', pods: '9' } }));
  api.create(half('p'));
  start(api);
  await clock.advance(0);
  api.conditions.clear();
  api.nodes.put(node('n1', { allocatable: { cpu: '1500m', memory: '8Gi', pods: '9' } }));
  api.nodes.put(
    node('n1', { allocatable: { cpu: '3', memory: '8Gi', pods: '9' }, unschedulable: true }),
  );
  await clock.advance(30_000);
  expect(api.conditions.get('default/p')?.message).toContain('were unschedulable');
  api.conditions.clear();
  await clock.advance(10 * 60_000);
  expect(api.conditions.size).toBe(0);
});

test('after a failed binding the place is free again and the pod is retried', async () => {
  const api = new FakePods();
  api.nodes.put(node('n1'));
  let failures = 1;
  api.beforeBind = async ({ name }) => {
    if (name === 'a' && failures-- > 0) throw unreachable();
  };
  for (const name of ['a', 'b', 'c']) api.create(half(name));
  const { events } = start(api);
  await clock.advance(0);
  expect(events).toContainEqual(
    expect.objectContaining({ pod: 'a', message: 'running Bind: connection lost' }),
  );
  await clock.advance(5_000);
  const placed = ['a', 'b', 'c'].filter((name) => nodeNameOf(api, name) !== undefined);
  expect(placed.length).toBe(2);
  expect(api.bindings.length).toBe(2);
});

test('a binding whose answer is lost is not done twice, and its place stays taken', async () => {
  const api = new FakePods();
  api.nodes.put(node('n1'));
  api.afterBind = async () => {
    throw unreachable();
  };
  for (const name of ['a', 'b', 'c']) api.create(half(name));
  start(api);
  await clock.advance(60_000);
  expect(api.bindings.map((it) => it.pod)).toEqual(['default/a', 'default/b']);
  expect(api.conditions.get('default/c')?.message).toContain('Insufficient cpu');
});

test.each(['never', 'late'])(
  'a restart between assume and bind; the binding arrives %s',
  async (when) => {
    const api = new FakePods();
    api.nodes.put(node('n1'));
    api.nodes.put(node('n2'));
    const arrives = gate();
    api.beforeBind = () => arrives.opened;
    for (const name of ['a', 'b', 'c', 'd', 'e']) api.create(half(name));
    const first = start(api);
    await clock.advance(0);
    first.stop();
    await clock.advance(6_000);
    await first.ended;
    api.beforeBind = async () => {};
    start(api, 2);
    if (when === 'late') arrives.open();
    await clock.advance(60_000);
    expect(new Set(api.bindings.map((it) => it.pod)).size).toBe(api.bindings.length);
    const places = api.pods.list().map(({ spec }) => spec.nodeName ?? 'none');
    expect(places.sort()).toEqual(['n1', 'n1', 'n2', 'n2', 'none']);
  },
);

test('two schedulers: no pod is bound twice, no node beyond what the API admits', async () => {
  const api = new FakePods();
  const random = new SeededRandom(7);
  for (let i = 0; i < 4; i++) api.nodes.put(node(`n${i}`));
  const held = (name: string) => api.pods.list().filter(({ spec }) => spec.nodeName === name);
  api.beforeBind = async (_at, name) => {
    await clock.sleep(random.below(50));
    if (held(name).length >= 2) throw new StatusError('Forbidden', 'the node is full');
  };
  start(api, 1);
  start(api, 2);
  for (let i = 0; i < 10; i++) api.create(half(`p${i}`));
  await clock.advance(10 * 60_000);
  expect(new Set(api.bindings.map((it) => it.pod)).size).toBe(api.bindings.length);
  for (let i = 0; i < 4; i++) expect(held(`n${i}`).length).toBe(2);
  expect(api.pods.list().filter(({ spec }) => !spec.nodeName).length).toBe(2);
});

test('a pod deleted while it is bound gives its place back; its namesake is another pod', async () => {
  const api = new FakePods();
  api.nodes.put(node('n1'));
  const arrives = gate();
  api.beforeBind = ({ uid }) => (uid === 'first' ? arrives.opened : Promise.resolve());
  api.create(half('p', 'first'));
  start(api);
  await clock.advance(0);
  api.delete('default/p');
  api.create(half('p', 'second'));
  api.create(half('q'));
  arrives.open();
  await clock.advance(2_000);
  expect([nodeNameOf(api, 'p'), nodeNameOf(api, 'q')]).toEqual(['n1', 'n1']);
  expect(api.bindings.length).toBe(2);
});

test('a node that goes takes its room along, and its pods count again when it returns', async () => {
  const api = new FakePods();
  api.nodes.put(node('n1'));
  api.create(half('a'));
  start(api);
  await clock.advance(0);
  api.nodes.remove('n1');
  api.create(half('b'));
  api.create(half('c'));
  await clock.advance(0);
  expect(api.conditions.get('default/b')?.message).toBe('no nodes available to schedule pods');
  api.nodes.put(node('n1'));
  await clock.advance(60_000);
  expect([nodeNameOf(api, 'b'), nodeNameOf(api, 'c')].filter(Boolean)).toEqual(['n1']);
});

test('pods of other schedulers are left alone, but their place counts', async () => {
  const api = new FakePods();
  api.nodes.put(node('n1'));
  api.create(pod('theirs', { spec: { schedulerName: 'other' } }));
  api.create(pod('bound', { requests: { cpu: '3' }, nodeName: 'n1' }));
  api.create(half('ours'));
  start(api);
  await clock.advance(60_000);
  expect(api.bindings).toEqual([]);
});

test('bindings in flight have a limit', async () => {
  const api = new FakePods();
  for (let i = 0; i < 10; i++) api.nodes.put(node(`n${i}`));
  let inFlight = 0;
  let most = 0;
  api.beforeBind = async () => {
    most = Math.max(most, ++inFlight);
    await clock.sleep(5);
    inFlight--;
  };
  for (let i = 0; i < 300; i++) api.create(pod(`p${i}`));
  start(api);
  await clock.advance(1_000);
  expect(api.bindings.length).toBe(300);
  expect(most).toBe(64);
});
