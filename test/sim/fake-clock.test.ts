import { expect, test } from 'vitest';
import { FakeClock } from './fake-clock.ts';

test('sleepers wake in time order, ties in call order, and see their own time', async () => {
  const clock = new FakeClock();
  const woken: string[] = [];
  const sleeper = async (name: string, delayMs: number) => {
    await clock.sleep(delayMs);
    woken.push(`${name}@${clock.now()}`);
  };
  void sleeper('late', 30);
  void sleeper('first', 10);
  void sleeper('second', 10);
  await clock.advance(29);
  expect(woken).toEqual(['first@10', 'second@10']);
  await clock.advance(1);
  expect(woken).toEqual(['first@10', 'second@10', 'late@30']);
});

test('an aborted sleep rejects with the reason and is forgotten', async () => {
  const clock = new FakeClock();
  const stop = new AbortController();
  const sleep = clock.sleep(10, stop.signal);
  stop.abort(new Error('shutting down'));
  await expect(sleep).rejects.toThrow(/shutting down/);
  expect(clock.pending).toBe(0);
});

test('a cancelled task never runs', async () => {
  const clock = new FakeClock();
  const cancel = clock.after(10, () => expect.unreachable());
  cancel();
  await clock.advance(100);
  expect(clock.now()).toBe(100);
});

test('advancing until a condition stops at the moment that it holds', async () => {
  const clock = new FakeClock(1000);
  let isDone = false;
  clock.after(500, () => (isDone = true));
  clock.after(900, () => expect.unreachable());
  await clock.advanceUntil(() => isDone);
  expect(clock.now()).toBe(1500);
  await expect(clock.advanceUntil(() => false, 10)).rejects.toThrow(/10 ms/);
});
