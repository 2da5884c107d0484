import { expect, test } from 'vitest';
import { SeededRandom } from './seeded-random.ts';

const draw = (seed: number) => {
  const random = new SeededRandom(seed);
  return Array.from({ length: 1000 }, () => random.fraction());
};

test('the same seed draws the same, another seed something else', () => {
  expect(draw(7)).toEqual(draw(7));
  expect(draw(7)).not.toEqual(draw(8));
});

test('draws are spread over the whole range', () => {
  const buckets = new Array<number>(10).fill(0);
  for (const fraction of draw(1)) {
    expect(fraction).toBeGreaterThanOrEqual(0);
    expect(fraction).toBeLessThan(1);
    buckets[Math.floor(fraction * 10)]!++;
  }
  expect(Math.min(...buckets)).toBeGreaterThan(60);
});

test('identifiers have the form of version 4 and do not repeat', () => {
  const random = new SeededRandom(1);
  const ids = Array.from({ length: 100 }, () => random.uuid());
  expect(new Set(ids).size).toBe(100);
  for (const id of ids) {
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  }
});
