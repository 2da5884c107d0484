import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeJson } from './decode-json.ts';

test('any JSON value comes back as it is, without duplicates', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 6 }), (value) => {
      const text = JSON.stringify(value, null, 1);
      const decoded = decodeJson(text);
      expect(decoded.duplicates).toEqual([]);
      if (!text.includes('__proto__')) expect(decoded.value).toEqual(JSON.parse(text));
    }),
  );
});

test('a field given twice is named with its path', () => {
  const text = '{"spec":{"replicas":1,"a":[{"b":1},{"x":"\\"b\\":", "b":1,"b":2}],"replicas" : 2}}';
  expect(decodeJson(text).duplicates).toEqual(['spec.a[1].b', 'spec.replicas']);
});

test('a key is the same key however it is escaped', () => {
  expect(decodeJson('{"a":1,"\\u0061":2}').duplicates).toEqual(['a']);
});

test('a prototype cannot be planted', () => {
  const { value, hadPrototype } = decodeJson(
    '{"a":{"__proto__":{"polluted":true},"\\u005f_proto__":1,"b":1}}',
  );
  expect(Object.keys((value as { a: object }).a)).toEqual(['b']);
  expect(hadPrototype).toBe(true);
  expect(decodeJson('{"constructor":{}}').hadPrototype).toBe(false);
  expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
});

test('malformed text and bottomless nesting are refused as bad requests', () => {
  expect(() => decodeJson('{"a":')).toThrow("couldn't parse the body as JSON");
  expect(() => decodeJson('[1')).toThrow("couldn't parse");
  expect(() => decodeJson('['.repeat(100_000) + ']'.repeat(100_000))).toThrow('nested deeper');
});
