import fc from 'fast-check';
import { expect, test } from 'vitest';
import { StatusError } from '../errors.ts';
import { applyJsonPatch } from './json-patch.ts';

const DEPLOYMENT = {
  metadata: { name: 'web', labels: { app: 'web' } },
  spec: { replicas: 2, args: ['a', 'b'] },
};

test('operations apply in order, and the input is untouched', () => {
  const before = structuredClone(DEPLOYMENT);
  const result = applyJsonPatch(DEPLOYMENT, [
    { op: 'test', path: '/spec/replicas', value: 2 },
    { op: 'replace', path: '/spec/replicas', value: 5 },
    { op: 'add', path: '/metadata/labels/example.com~1tier', value: 'front' },
    { op: 'add', path: '/spec/args/-', value: 'c' },
    { op: 'remove', path: '/spec/args/0' },
    { op: 'move', from: '/metadata/labels/app', path: '/metadata/labels/name' },
    { op: 'copy', from: '/spec/args', path: '/spec/command' },
  ]);
  expect(result).toEqual({
    metadata: { name: 'web', labels: { name: 'web', 'example.com/tier': 'front' } },
    spec: { replicas: 5, args: ['b', 'c'], command: ['b', 'c'] },
  });
  expect(DEPLOYMENT).toEqual(before);
});

test.each([
  [[{ op: 'test', path: '/spec/replicas', value: 3 }], 'Invalid'],
  [[{ op: 'remove', path: '/spec/absent' }], 'Invalid'],
  [[{ op: 'replace', path: '/spec/absent/deeper', value: 1 }], 'Invalid'],
  [[{ op: 'add', path: '/spec/args/9', value: 1 }], 'Invalid'],
  [[{ op: 'add', path: '/metadata/__proto__/polluted', value: 1 }], 'Invalid'],
  [[{ op: 'add', path: '/constructor/prototype/polluted', value: 1 }], 'Invalid'],
  [[{ op: 'increment', path: '/spec/replicas' }], 'BadRequest'],
  [[{ op: 'add', path: 'spec', value: 1 }], 'BadRequest'],
  [[{ op: 'move', from: 7, path: '/spec' }], 'BadRequest'],
  [{ op: 'add' }, 'BadRequest'],
  ['text', 'BadRequest'],
  [Array(10_001).fill({ op: 'test', path: '/spec/replicas', value: 2 }), 'RequestEntityTooLarge'],
])('%j is refused as %s', (patch, reason) => {
  expect(() => applyJsonPatch(DEPLOYMENT, patch)).toThrow(expect.objectContaining({ reason }));
  expect(({} as { polluted?: number }).polluted).toBeUndefined();
});

test('copying an object into itself again and again is stopped', () => {
  const bomb = Array.from({ length: 60 }, (_, i) => ({ op: 'copy', from: '/a', path: `/a/x${i}` }));
  expect(() => applyJsonPatch({ a: { text: 'x'.repeat(1000) } }, bomb)).toThrow(
    expect.objectContaining({ reason: 'RequestEntityTooLarge' }),
  );
});

test('a copy from what an earlier operation removed is refused', () => {
  const patch = [
    { op: 'remove', path: '' },
    { op: 'copy', path: '', from: '/spec' },
  ];
  expect(() => applyJsonPatch({ spec: {} }, patch)).toThrow(StatusError);
});

test('whatever is sent, the answer is a value or a refusal', () => {
  const operation = fc.record({
    op: fc.constantFrom('add', 'remove', 'replace', 'move', 'copy', 'test', 'x'),
    path: fc.oneof(fc.string(), fc.constantFrom('', '/spec', '/spec/args/0', '/spec/args/-')),
    from: fc.constantFrom('/spec', '/metadata/name', '', undefined),
    value: fc.jsonValue({ maxDepth: 2 }),
  });
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 5 }), (patch) => {
      try {
        applyJsonPatch(DEPLOYMENT, patch);
      } catch (error) {
        expect(error).toHaveProperty('reason');
      }
    }),
  );
});
