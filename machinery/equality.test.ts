import fc from 'fast-check';
import { expect, test } from 'vitest';
import { deepEqual } from './equality.ts';

test('a copy is equal, whatever the value', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      expect(deepEqual(value, JSON.parse(JSON.stringify(value)))).toBe(true);
    }),
  );
});

test('two values are equal exactly when their sorted JSON is', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 2 }), fc.jsonValue({ maxDepth: 2 }), (a, b) => {
      expect(deepEqual(a, b)).toBe(sorted(a) === sorted(b));
    }),
  );
});

test('undefined counts as absent; kinds of containers are told apart', () => {
  expect(deepEqual({ a: 1, b: undefined }, { a: 1 })).toBe(true);
  expect(deepEqual({ a: undefined }, { b: 1 })).toBe(false);
  expect(deepEqual([], {})).toBe(false);
  expect(deepEqual(null, {})).toBe(false);
  expect(deepEqual([1, 2], [1])).toBe(false);
  expect(deepEqual({ toString: 1 }, {})).toBe(false);
});

const sorted = (value: unknown): string =>
  JSON.stringify(value, (_, inner) =>
    inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? { sorted: Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)) }
      : inner,
  );
