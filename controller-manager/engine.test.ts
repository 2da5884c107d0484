import { expect, test } from 'vitest';
import { createInformers } from '../client/informers.ts';
import { conflict } from '../machinery/errors.ts';
import { silentLog } from '../machinery/log.ts';
import { noMetrics } from '../machinery/metrics.ts';
import { keyOf } from '../machinery/object.ts';
import type { Transport, WatchEvent } from '../machinery/transport.ts';
import type { Pod } from '../proto/generated/core.v1.ts';
import { PODS } from '../proto/generated/resources.ts';
import { FakeClock } from '../test/sim/fake-clock.ts';
import { SeededRandom } from '../test/sim/seeded-random.ts';
import { inGrowingBatches } from './batches.ts';
import { type Controller, source } from './controller.ts';
import { createEngine } from './engine.ts';
import { OwnWrites } from './own-writes.ts';
import { replacementDelayMs } from './replacement-pace.ts';

const podAt = (name: string, revision: number, parts: Partial<Pod['metadata']> = {}): Pod => ({
  metadata: { name, namespace: 'x', uid: `uid-${name}`, resourceVersion: `${revision}`, ...parts },
  spec: { containers: [] },
});

/** Lists these pods at revision 1, then watches what the test sends. */
function feed(pods: readonly Pod[]) {
  const waiting: WatchEvent<Pod>[] = [];
  let wake = () => {};
  const transport = {
    list: async () => ({ metadata: { resourceVersion: '1' }, items: pods }),
    async *watch(_: unknown, __: unknown, signal: AbortSignal) {
      signal.addEventListener('abort', () => wake());
      while (!signal.aborted) {
        for (const event of waiting.splice(0)) yield event;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
  } as unknown as Transport;
  const send = (event: WatchEvent<Pod>) => {
    waiting.push(event);
    wake();
  };
  return { transport, send };
}

function start(pods: readonly Pod[], reconcile: Controller['reconcile']) {
  const clock = new FakeClock(1_000_000);
  const { transport, send } = feed(pods);
  const random = new SeededRandom(1);
  const informers = createInformers({ transport, clock, random, log: silentLog });
  const informer = informers.of(PODS);
  const controller: Controller = {
    name: 'test',
    workers: 2,
    sources: [source(informer, (pod) => [keyOf(pod)])],
    reconcile,
  };
  const stop = new AbortController();
  const engine = createEngine({ clock, log: silentLog, metrics: noMetrics });
  const running = [informers.run(stop.signal), engine.run([controller], stop.signal)];
  const end = async () => {
    stop.abort();
    await Promise.all(running);
  };
  return { clock, informer, send, end };
}

test('what the first list holds and what changes later is reconciled, by key', async () => {
  const keys: string[] = [];
  const { clock, send, end } = start([podAt('a', 1)], async (key) => {
    keys.push(key);
    return undefined;
  });
  await clock.advanceUntil(() => keys.length === 1);
  send({ type: 'ADDED', object: podAt('b', 2) });
  await clock.advanceUntil(() => keys.length === 2);
  expect(keys).toEqual(['x/a', 'x/b']);
  await end();
});

test('a failure is tried again later and later, and costs nobody else anything', async () => {
  const times: number[] = [];
  const others: string[] = [];
  const { clock, end } = start([podAt('bad', 1), podAt('good', 1)], async (key) => {
    if (key === 'x/good') others.push(key);
    else {
      times.push(clock.now());
      if (times.length < 6) throw times.length % 2 ? conflict(PODS, 'bad') : new Error('a bug');
    }
    return undefined;
  });
  await clock.advanceUntil(() => times.length === 6);
  const waits = times.slice(1).map((time, i) => time - times[i]!);
  expect(waits).toEqual([5, 10, 20, 40, 80]);
  expect(others).toEqual(['x/good']);
  await end();
});

test('a reconcile that asks for it is called again in time', async () => {
  const times: number[] = [];
  const { clock, end } = start([podAt('a', 1)], async () => {
    times.push(clock.now());
    return times.length < 3 ? { requeueAfterMs: 700 } : undefined;
  });
  await clock.advanceUntil(() => times.length === 3);
  expect(times.map((time) => time - times[0]!)).toEqual([0, 700, 1400]);
  await end();
});

test('own writes are seen once the cache has come as far', async () => {
  const { clock, informer, send, end } = start([podAt('a', 1)], async () => undefined);
  await clock.advanceUntil(() => informer.isSynced);
  const writes = new OwnWrites<Pod>(informer, clock);
  expect(writes.caughtUp('owner')).toBe(true);
  writes.wrote('owner', podAt('b', 7));
  expect(writes.caughtUp('owner')).toBe(false);
  expect(writes.caughtUp('another')).toBe(true);
  send({ type: 'ADDED', object: podAt('b', 7) });
  await clock.advanceUntil(() => informer.revision === 7);
  expect(writes.caughtUp('owner')).toBe(true);

  writes.removed('owner', podAt('a', 1));
  expect(writes.caughtUp('owner')).toBe(false);
  send({ type: 'MODIFIED', object: podAt('a', 8, { deletionTimestamp: '2030-01-01T00:00:00Z' }) });
  await clock.advanceUntil(() => informer.revision === 8);
  expect(writes.caughtUp('owner')).toBe(true);
  await end();
});

test('nobody waits forever for a revision that never comes', async () => {
  const { clock, informer, end } = start([], async () => undefined);
  await clock.advanceUntil(() => informer.isSynced);
  const writes = new OwnWrites<Pod>(informer, clock);
  writes.wrote('owner', podAt('b', 1_000_000));
  await clock.advance(299_000);
  expect(writes.caughtUp('owner')).toBe(false);
  await clock.advance(1_000);
  expect(writes.caughtUp('owner')).toBe(true);
  await end();
});

test('many calls start with one, and stop growing at the first refusal', async () => {
  const sizes: number[] = [];
  let running = 0;
  const slowly = async () => {
    running++;
    await Promise.resolve();
    if (running > 0) sizes.push(running);
    running = 0;
  };
  expect(await inGrowingBatches(10, slowly)).toEqual({ done: 10 });
  expect(sizes).toEqual([1, 2, 4, 3]);
  let calls = 0;
  const refused = await inGrowingBatches(100, async (index) => {
    calls++;
    if (index === 1) throw new Error('quota');
  });
  expect(refused).toMatchObject({ done: 2, error: new Error('quota') });
  expect(calls).toBe(3);
});

test('pods that fail at once are replaced ever more slowly', () => {
  const nowMs = Date.parse('2030-01-01T00:10:00Z');
  const failed = (count: number, creationTimestamp: string) =>
    Array.from({ length: count }, (_, i): Pod => {
      const pod = podAt(`p${i}`, i, { creationTimestamp });
      return { ...pod, status: { phase: 'Failed' } };
    });
  expect(replacementDelayMs(failed(10, '2030-01-01T00:10:00Z'), nowMs)).toBe(0);
  expect(replacementDelayMs(failed(11, '2030-01-01T00:10:00Z'), nowMs)).toBe(1000);
  expect(replacementDelayMs(failed(40, '2030-01-01T00:09:59Z'), nowMs)).toBe(59_000);
  expect(replacementDelayMs(failed(40, '2030-01-01T00:04:00Z'), nowMs)).toBe(0);
});
