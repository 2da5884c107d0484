import { expect, test } from 'vitest';
import type { Pod } from '../proto/generated/core.v1.ts';
import { node, pod } from '../test/scheduling-builders.ts';
import { FakeClock } from '../test/sim/fake-clock.ts';
import type { ClusterEvent } from './framework.ts';
import { prioritySort } from './plugins/priority-sort.ts';
import { podInfoOf } from './pod-info.ts';
import { SchedulingQueue } from './queue.ts';
import { ResourceColumns } from './resources.ts';

const EVENT: ClusterEvent = { kind: 'node-added', node: node('n') };
const info = (it: Pod) => podInfoOf(it, new ResourceColumns());

function setUp({ helps = true } = {}) {
  const clock = new FakeClock();
  const queue = new SchedulingQueue({
    clock,
    less: prioritySort.less,
    isGated: ({ pod: { spec } }) => spec.schedulingGates !== undefined,
    hint: (plugin) => helps && plugin === 'Fit',
  });
  return { clock, queue, popName: () => queue.pop()?.info.pod.metadata.name };
}

test('higher priority first, then who came first', () => {
  const { queue, popName } = setUp();
  queue.put(info(pod('low-1')));
  queue.put(info(pod('low-2')));
  queue.put(info(pod('high', { spec: { priority: 10 } })));
  expect([popName(), popName(), popName(), popName()]).toEqual([
    'high',
    'low-1',
    'low-2',
    undefined,
  ]);
});

test('a failed pod waits 1 s, then 2 s, up to 10 s', async () => {
  const { clock, queue } = setUp();
  queue.put(info(pod('p')));
  for (const delayMs of [1_000, 2_000, 4_000, 8_000, 10_000, 10_000]) {
    queue.retry(queue.pop()!);
    await clock.advance(delayMs - 1);
    expect(queue.pop()).toBeUndefined();
    await clock.advance(1);
    expect(queue.sizes.active).toBe(1);
  }
});

test('a parked pod sleeps until an event helps, and never less than its back-off', async () => {
  const { clock, queue } = setUp();
  queue.put(info(pod('p')));
  queue.park(queue.pop()!, new Set(['Fit']));
  queue.wake(EVENT);
  expect(queue.sizes).toMatchObject({ active: 0, backoff: 1, parked: 0 });
  await clock.advance(1_000);
  queue.park(queue.pop()!, new Set(['Fit']));
  await clock.advance(10_000);
  expect(queue.sizes).toMatchObject({ parked: 1 });
  queue.wake(EVENT);
  expect(queue.sizes).toMatchObject({ active: 1, parked: 0 });
});

test('an event that does not help wakes nobody; five minutes do', async () => {
  const { clock, queue } = setUp({ helps: false });
  queue.put(info(pod('p')));
  queue.park(queue.pop()!, new Set(['Fit']));
  await clock.advance(20_000);
  queue.wake(EVENT);
  expect(queue.sizes.parked).toBe(1);
  await clock.advance(5 * 60_000 + 10_000);
  expect(queue.sizes).toMatchObject({ active: 1, parked: 0 });
});

test('a gated pod stays out until its gates are gone', () => {
  const { queue, popName } = setUp();
  queue.put(info(pod('p', { spec: { schedulingGates: [{ name: 'wait' }] } })));
  expect(queue.sizes.gated).toBe(1);
  expect(popName()).toBeUndefined();
  queue.put(info(pod('p')));
  expect(popName()).toBe('p');
});

test('a removed pod does not come back, wherever it was', () => {
  const { queue } = setUp();
  queue.put(info(pod('cycle')));
  const entry = queue.pop()!;
  queue.remove('uid-cycle');
  queue.park(entry, new Set());
  queue.retry(entry);
  queue.put(info(pod('active')));
  queue.remove('uid-active');
  expect(queue.sizes).toEqual({ active: 0, backoff: 0, parked: 0, gated: 0 });
});

test('whoever waits is told of new work and of the end', async () => {
  const { queue } = setUp();
  const stop = new AbortController();
  const ready = queue.ready(stop.signal);
  queue.put(info(pod('p')));
  await ready;
  queue.pop();
  const never = queue.ready(stop.signal);
  stop.abort(new Error('over'));
  await expect(never).rejects.toThrow('over');
});

test('a closed queue leaves no timer', () => {
  const { clock, queue } = setUp();
  queue.put(info(pod('p')));
  queue.retry(queue.pop()!);
  expect(clock.pending).toBe(1);
  queue.close();
  expect(clock.pending).toBe(0);
});
