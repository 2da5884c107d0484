import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FakeClock } from '../test/sim/fake-clock.ts';
import { SeededRandom } from '../test/sim/seeded-random.ts';
import { TokenBucket, WorkQueue } from './queue.ts';

const queueOn = (clock: FakeClock, options = {}) => new WorkQueue({ clock, ...options });

test('a key added many times is handed out once', async () => {
  const queue = queueOn(new FakeClock());
  for (const key of ['a', 'b', 'a']) queue.add(key);
  expect(queue.length).toBe(2);
  expect(await queue.take()).toBe('a');
  expect(await queue.take()).toBe('b');
});

test('a key that becomes dirty while processed comes back after done, not before', async () => {
  const queue = queueOn(new FakeClock());
  queue.add('a');
  await queue.take();
  queue.add('a');
  expect(queue.length).toBe(0);
  queue.done('a');
  expect(await queue.take()).toBe('a');
  queue.done('a');
  expect(queue.isIdle).toBe(true);
});

test('of two delays for one key the earlier counts', async () => {
  const clock = new FakeClock();
  const queue = queueOn(clock);
  queue.addAfter('a', 100);
  queue.addAfter('a', 50);
  queue.addAfter('a', 70);
  await clock.advance(49);
  expect(queue.length).toBe(0);
  await clock.advance(1);
  expect(queue.length).toBe(1);
  expect(clock.pending).toBe(0);
});

test('a failing key backs off from 5 ms, doubling; success starts over', async () => {
  const clock = new FakeClock();
  const stop = new AbortController();
  const triedMs: number[] = [];
  const queue = queueOn(clock);
  const ran = queue.run(
    1,
    async () => {
      triedMs.push(clock.now());
      if (triedMs.length < 5) throw new Error('not yet');
    },
    stop.signal,
  );
  queue.add('a');
  await clock.advance(1000);
  expect(triedMs).toEqual([0, 5, 15, 35, 75]);
  expect(queue.failuresOf('a')).toBe(0);
  stop.abort();
  await ran;
});

test('the back-off is capped', async () => {
  const clock = new FakeClock();
  const queue = queueOn(clock, { retryDelayMsMax: 20 });
  for (let i = 0; i < 60; i++) {
    queue.addRateLimited('a');
    await clock.advance(20);
    expect(await queue.take()).toBe('a');
    queue.done('a');
  }
});

test('retries of all keys together keep to the overall rate', async () => {
  const clock = new FakeClock();
  const queue = queueOn(clock, { retryBurstMax: 10, retriesPerSecond: 10 });
  for (let i = 0; i < 30; i++) queue.addRateLimited(`k${i}`);
  await clock.advance(10);
  expect(queue.length).toBe(10);
  await clock.advance(1000);
  expect(queue.length).toBe(20);
  await clock.advance(1000);
  expect(queue.length).toBe(30);
});

test('a reconcile may ask to be called again', async () => {
  const clock = new FakeClock();
  const stop = new AbortController();
  const calledMs: number[] = [];
  const queue = queueOn(clock);
  const ran = queue.run(
    2,
    async () => {
      calledMs.push(clock.now());
      return { requeueAfterMs: 300 };
    },
    stop.signal,
  );
  queue.add('a');
  await clock.advance(700);
  expect(calledMs).toEqual([0, 300, 600]);
  stop.abort();
  await ran;
  expect(clock.pending).toBe(0);
});

test('run settles only when the last worker has put its key down', async () => {
  const clock = new FakeClock();
  const stop = new AbortController();
  let isDone = false;
  const queue = queueOn(clock);
  const ran = queue.run(
    1,
    async () => {
      await clock.sleep(50);
      isDone = true;
    },
    stop.signal,
  );
  queue.add('a');
  await clock.advance(10);
  stop.abort();
  queue.add('b');
  await clock.advance(40);
  await ran;
  expect(isDone).toBe(true);
  expect(queue.length).toBe(0);
});

test('however workers and adders interleave, no key runs twice at once and none is lost', async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(), async (seed) => {
      const clock = new FakeClock();
      const random = new SeededRandom(seed);
      const stop = new AbortController();
      const queue = queueOn(clock);
      const versions = new Map<string, number>();
      const seen = new Map<string, number>();
      const busy = new Set<string>();
      const ran = queue.run(
        3,
        async (key) => {
          expect(busy.has(key)).toBe(false);
          busy.add(key);
          const version = versions.get(key) ?? 0;
          await clock.sleep(random.below(5));
          busy.delete(key);
          if (random.fraction() < 0.2) throw new Error('flaky');
          seen.set(key, version);
        },
        stop.signal,
      );
      for (let i = 0; i < 40; i++) {
        const key = `k${random.below(4)}`;
        versions.set(key, (versions.get(key) ?? 0) + 1);
        queue.add(key);
        if (random.fraction() < 0.5) await clock.advance(random.below(4));
      }
      await clock.advanceUntil(() => queue.isIdle, 3_600_000);
      expect(seen).toEqual(versions);
      stop.abort();
      await ran;
    }),
    { numRuns: 20 },
  );
});

test('a bucket gives its burst at once, then drips', async () => {
  const clock = new FakeClock();
  const bucket = new TokenBucket(clock, 2, 3);
  expect([1, 2, 3, 4].map(() => bucket.tryTake())).toEqual([true, true, true, false]);
  await clock.advance(500);
  expect([bucket.tryTake(), bucket.tryTake()]).toEqual([true, false]);
  expect([bucket.reserveMs(), bucket.reserveMs()]).toEqual([500, 1000]);
});
