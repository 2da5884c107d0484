import fc from 'fast-check';
import { expect, test } from 'vitest';
import { applyMergePatch } from './merge-patch.ts';

// The examples of RFC 7386, appendix A.
test.each([
  [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
  [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
  [{ a: 'b' }, { a: null }, {}],
  [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
  [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
  [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
  [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
  [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
  [
    ['a', 'b'],
    ['c', 'd'],
    ['c', 'd'],
  ],
  [{ a: 'b' }, ['c'], ['c']],
  [{ a: 'foo' }, null, null],
  [{ a: 'foo' }, 'bar', 'bar'],
  [{ e: null }, { a: 1 }, { e: null, a: 1 }],
  [[1, 2], { a: 'b', c: null }, { a: 'b' }],
  [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
])('%j patched with %j is %j', (current, patch, result) => {
  expect(applyMergePatch(current, patch)).toEqual(result);
});

test('the result shares nothing with the inputs', () => {
  const current = { a: { b: [1] }, c: {} };
  const patch = { d: { e: [2] } };
  const result = applyMergePatch(current, patch) as typeof current & typeof patch;
  result.a.b.push(9);
  result.d.e.push(9);
  expect([current, patch]).toEqual([{ a: { b: [1] }, c: {} }, { d: { e: [2] } }]);
});

test('a key that would become a prototype is refused', () => {
  const patch: unknown = JSON.parse('{"metadata":{"__proto__":{"polluted":1}}}');
  expect(() => applyMergePatch({}, patch)).toThrow(/__proto__/);
});

test('nesting without end is refused', () => {
  const patch: unknown = JSON.parse(`${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}`);
  expect(() => applyMergePatch({}, patch)).toThrow(/nested deeper/);
});

test('a patch that was applied changes nothing more', () => {
  const value = fc.jsonValue({ maxDepth: 3 }).filter((v) => !JSON.stringify(v).includes('__proto'));
  fc.assert(
    fc.property(value, value, (current, patch) => {
      const once = applyMergePatch(current, patch);
      expect(applyMergePatch(once, patch)).toEqual(once);
    }),
  );
});
