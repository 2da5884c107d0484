import { expect, test } from 'vitest';
import { planCompaction } from './compactor.ts';

const mark = (atMs: number, revision: number) => ({ atMs, revision });

test('history younger than the time to keep stays', () => {
  const marks = [mark(0, 10), mark(50, 20)];
  expect(planCompaction(marks, mark(50, 20), 100)).toEqual({ target: undefined, kept: marks });
});

test('the newest mark that is old enough is the target, and goes', () => {
  const marks = [mark(0, 10), mark(50, 20), mark(100, 30), mark(150, 40)];
  const plan = planCompaction(marks, mark(150, 40), 100);
  expect(plan).toEqual({ target: 20, kept: [mark(100, 30), mark(150, 40)] });
});

test('a storm of writes shortens the history', () => {
  const marks = [mark(0, 10), mark(1, 2_000_000)];
  const plan = planCompaction(marks, mark(1, 2_000_000), 100);
  expect(plan).toEqual({ target: 10, kept: [mark(1, 2_000_000)] });
});
