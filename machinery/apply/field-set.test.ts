import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  branchOf,
  type FieldSet,
  intersect,
  LEAF,
  membersOf,
  NOTHING,
  subtract,
  union,
} from './field-set.ts';
import { FieldsError, parseFields, pathTextOf } from './fields-v1.ts';

const element = fc.constantFrom(
  'f:a',
  'f:b',
  'k:{"name":"x"}',
  'k:{"port":80,"protocol":"TCP"}',
  'v:"one"',
  'i:3',
  'f:__proto__',
);

/** Sets in canonical form, as the code makes them. */
const { set } = fc.letrec<{ set: FieldSet; branch: FieldSet }>((tie) => ({
  branch: fc
    .tuple(fc.oneof({ depthSize: 'small' }, fc.constant(NOTHING), tie('set')), fc.boolean())
    .map(([children, isIn]) => branchOf(children, isIn) ?? LEAF),
  set: fc.dictionary(element, tie('branch'), { maxKeys: 3 }),
}));

const texts = (one: FieldSet): readonly string[] =>
  [...membersOf(one)].map((path) => JSON.stringify(path)).sort();

test('sets are what sets are', () => {
  fc.assert(
    fc.property(set, set, (a, b) => {
      const inA = new Set(texts(a));
      const inB = new Set(texts(b));
      expect(texts(union(a, b))).toEqual([...new Set([...inA, ...inB])].sort());
      expect(texts(subtract(a, b))).toEqual([...inA].filter((one) => !inB.has(one)));
      expect(texts(intersect(a, b))).toEqual([...inA].filter((one) => inB.has(one)));
    }),
  );
});

test('what changes nothing answers the very set that came in', () => {
  fc.assert(
    fc.property(set, set, (a, b) => {
      const both = union(a, b);
      expect(union(both, a)).toBe(both);
      const rest = subtract(a, b);
      expect(subtract(rest, b)).toBe(rest);
    }),
  );
});

test('FieldsV1 survives the way through JSON, whatever the order of its keys', () => {
  fc.assert(
    fc.property(set, (one) => {
      expect(parseFields(JSON.parse(JSON.stringify(one)))).toEqual(one);
    }),
  );
  expect(parseFields({ 'k:{"protocol":"TCP", "port":80}': { '.': {} } })).toEqual({
    'k:{"port":80,"protocol":"TCP"}': {},
  });
});

test('what is no set of fields is refused, what is newer is left out', () => {
  for (const bad of [[], 'x', { f: {} }, { 'k:x': {} }, { 'k:[1]': {} }, { 'i:-1': {} }]) {
    expect(() => parseFields(bad)).toThrow(FieldsError);
  }
  expect(parseFields({ 'z:new': {}, 'f:a': {} })).toEqual({ 'f:a': {} });
});

test('nothing that a client sends crashes the parser', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      try {
        parseFields(value);
      } catch (error) {
        expect(error).toBeInstanceOf(FieldsError);
      }
    }),
  );
});

test('paths read as upstream prints them', () => {
  const path = ['f:spec', 'f:containers', 'k:{"name":"web"}', 'f:ports'];
  expect(pathTextOf([...path, 'k:{"containerPort":80,"protocol":"TCP"}'])).toBe(
    '.spec.containers[name="web"].ports[containerPort=80,protocol="TCP"]',
  );
  expect(pathTextOf(['f:metadata', 'f:finalizers', 'v:"a/b"'])).toBe(
    '.metadata.finalizers[="a/b"]',
  );
});
