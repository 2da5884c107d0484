import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Heap } from './heap.ts';

test('whatever is pushed and removed, the rest comes out in order', () => {
  const script = fc.array(fc.record({ value: fc.nat(50), isRemoved: fc.boolean() }));
  fc.assert(
    fc.property(script, (steps) => {
      const heap = new Heap<{ readonly value: number }>((a, b) => a.value < b.value);
      for (const step of steps) heap.push(step);
      for (const step of steps) if (step.isRemoved) expect(heap.remove(step)).toBe(true);
      const left: number[] = [];
      for (let next = heap.pop(); next !== undefined; next = heap.pop()) left.push(next.value);
      const wanted = steps.filter((it) => !it.isRemoved).map(({ value }) => value);
      expect(left).toEqual(wanted.sort((a, b) => a - b));
    }),
  );
});
