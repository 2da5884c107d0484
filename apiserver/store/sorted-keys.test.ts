import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SortedKeys } from './sorted-keys.ts';

test('it holds what a sorted set holds, over any adds and deletes', () => {
  const key = fc.integer({ min: 0, max: 3000 }).map((n) => `${n % 7}/${n}`);
  const steps = fc.array(fc.tuple(key, fc.integer({ min: 0, max: 3 })), { maxLength: 4000 });
  fc.assert(
    fc.property(steps, key, (list, after) => {
      const keys = new SortedKeys();
      const model = new Set<string>();
      for (const [it, dice] of list) {
        if (dice === 0) expect(keys.delete(it)).toBe(model.delete(it));
        else expect(keys.add(it)).toBe(!model.has(it) && Boolean(model.add(it)));
      }
      const sorted = [...model].sort();
      expect(keys.size).toBe(sorted.length);
      expect([...keys.withPrefix('')]).toEqual(sorted);
      expect([...keys.withPrefix('3/')]).toEqual(sorted.filter((it) => it.startsWith('3/')));
      expect([...keys.withPrefix('', after)]).toEqual(sorted.filter((it) => it > after));
      expect([...keys.withPrefix('4/', after)]).toEqual(
        sorted.filter((it) => it.startsWith('4/') && it > after),
      );
      for (const prefix of ['', '3/', '4/', '9/']) {
        const behind = sorted.filter((it) => it.startsWith(prefix) && it > after).length;
        expect(keys.countBehind(prefix, after)).toBe(behind);
      }
    }),
    { numRuns: 30 },
  );
});

test('thousands of keys in any order stay in order', () => {
  const names = Array.from({ length: 5000 }, (_, i) => String((i * 7919) % 5000).padStart(5, '0'));
  const keys = new SortedKeys();
  for (const name of names) keys.add(name);
  expect([...keys.withPrefix('')]).toEqual([...names].sort());
  expect(keys.add('00042')).toBe(false);
  for (const name of names) expect(keys.delete(name)).toBe(true);
  expect(keys.size).toBe(0);
  expect([...keys.withPrefix('')]).toEqual([]);
});
