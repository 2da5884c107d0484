import { expect, test } from 'vitest';
import { goDurationOf, nextBackOff, waitsUntil } from './back-off.ts';

const MINUTE = 60_000;

test('the first restart is immediate, then 10 s, doubled up to 5 minutes', () => {
  let entry = nextBackOff(undefined, 0, 0);
  expect(waitsUntil(undefined, 0, 0)).toBeUndefined();
  const delays = [entry.delayMs];
  for (let now = 0; delays.length < 7; ) {
    now = waitsUntil(entry, now, now) ?? now;
    entry = nextBackOff(entry, now, now);
    delays.push(entry.delayMs);
  }
  expect(delays).toEqual([10, 20, 40, 80, 160, 300, 300].map((seconds) => seconds * 1000));
});

test('a run of more than 10 minutes makes up for all that was before', () => {
  const entry = { delayMs: 5 * MINUTE, updatedMs: 0 };
  expect(waitsUntil(entry, 10 * MINUTE, 10 * MINUTE)).toBe(15 * MINUTE);
  expect(waitsUntil(entry, 11 * MINUTE, 11 * MINUTE)).toBeUndefined();
  expect(nextBackOff(entry, 11 * MINUTE, 11 * MINUTE).delayMs).toBe(10_000);
});

test('durations read as Go prints them', () => {
  expect([10_000, 80_000, 300_000, 3_661_000].map(goDurationOf)).toEqual([
    '10s',
    '1m20s',
    '5m0s',
    '1h1m1s',
  ]);
});
