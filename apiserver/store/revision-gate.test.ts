import { expect, test } from 'vitest';
import { RevisionGate } from './revision-gate.ts';

test('it opens for those whose revision is reached, and only for them', async () => {
  const gate = new RevisionGate(5);
  await gate.reached(5);
  const opened: number[] = [];
  const waits = [7, 6, 9].map((it) => gate.reached(it).then(() => opened.push(it)));
  gate.advance(7);
  await Promise.all(waits.slice(0, 2));
  expect(opened.sort()).toEqual([6, 7]);
  gate.advance(3);
  expect(gate.revision).toBe(7);
  gate.advance(9);
  await waits[2];
});

test('an abort ends the wait without an error, closing with one', async () => {
  const gate = new RevisionGate(1);
  const aborter = new AbortController();
  const aborted = gate.reached(2, aborter.signal);
  const closed = gate.reached(2);
  aborter.abort();
  gate.close(new Error('closed'));
  await aborted;
  await expect(closed).rejects.toThrow('closed');
  await expect(gate.reached(1)).rejects.toThrow('closed');
});
