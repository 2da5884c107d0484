import { expect, test } from 'vitest';
import type { ApiObject } from '../../proto/resource.ts';
import type { Encoded } from '../registry/registry.ts';
import { encodedOf, encodedOfWire, ParsedPool, rerevised, withRevision } from './encoding.ts';

const stored = (metadata: object, rest: object = {}): Buffer =>
  Buffer.from(JSON.stringify({ kind: 'Pod', apiVersion: 'v1', metadata, ...rest }));

const parse = (bytes: Uint8Array): ApiObject => JSON.parse(Buffer.from(bytes).toString());

test('the revision is spliced into metadata and nothing else changes', () => {
  const rest = { spec: { nodeName: 'ö', note: '"metadata":{"resourceVersion":"1"}' } };
  const value = stored({ name: 'a', labels: { x: 'y' } }, rest);
  const wire = withRevision(value, 42);
  expect(parse(wire)).toEqual({
    kind: 'Pod',
    apiVersion: 'v1',
    metadata: { resourceVersion: '42', name: 'a', labels: { x: 'y' } },
    ...rest,
  });
  expect(value.toString()).not.toContain('"42"');
});

test('metadata may be empty', () => {
  expect(parse(withRevision(stored({}), 7)).metadata).toEqual({ resourceVersion: '7' });
  expect(parse(rerevised(withRevision(stored({}), 7), 1234)).metadata).toEqual({
    resourceVersion: '1234',
  });
});

test('a delete shows the last state under its own revision', () => {
  const wire = withRevision(stored({ name: 'a' }, { data: { b: 'c' } }), 9);
  const last = rerevised(wire, 10_000);
  expect(parse(last)).toEqual({
    ...parse(wire),
    metadata: { resourceVersion: '10000', name: 'a' },
  });
  expect(parse(wire).metadata).toEqual({ resourceVersion: '9', name: 'a' });
});

test('bytes are a copy: the page that they came in can be forgotten', () => {
  const page = Buffer.concat([Buffer.alloc(100_000), stored({ name: 'a' })]);
  const item = encodedOf(page.subarray(100_000), 3);
  page.fill(0);
  expect(item.object.metadata.name).toBe('a');
  expect(item.bytes.buffer.byteLength).toBeLessThan(200);
});

test('an object is parsed once, until the pool needs room for younger ones', () => {
  const one = withRevision(stored({ name: 'a' }), 1);
  const pool = new ParsedPool(one.length * 2);
  const items: Encoded[] = [1, 2, 3].map((revision) => encodedOfWire(one, revision, pool));
  const first = items[0]!.object;
  expect(items[0]!.object).toBe(first);
  for (const item of items) expect(item.object.metadata.name).toBe('a');
  expect(items[0]!.object).not.toBe(first);
  expect(items[0]!.object).toEqual(first);
});
