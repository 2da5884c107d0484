import { expect, test } from 'vitest';
import { newestFirst } from './streams.ts';

test('sizes of a terminal do not overtake one another, and only the newest waits', async () => {
  const asked: number[] = [];
  const finish: (() => void)[] = [];
  const resize = newestFirst((width) => {
    asked.push(width);
    return new Promise((resolve) => finish.push(resolve));
  });
  const all = [resize(1, 1), resize(2, 2), resize(3, 3)];
  expect(asked).toEqual([1]);
  finish[0]?.();
  await expect.poll(() => asked).toEqual([1, 3]);
  finish[1]?.();
  await Promise.all(all);
  void resize(4, 4);
  expect(asked).toEqual([1, 3, 4]);
});
