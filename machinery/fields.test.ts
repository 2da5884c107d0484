import fc from 'fast-check';
import { expect, test } from 'vitest';
import { escapeFieldValue, exactFieldOf, parseFieldSelector } from './fields.ts';

const POD: Readonly<Record<string, string>> = { 'spec.nodeName': 'n1', 'status.phase': 'Running' };
const fieldOf = (field: string) => POD[field] ?? '';

test.each([
  ['', true],
  ['spec.nodeName=n1', true],
  ['spec.nodeName==n1,status.phase!=Failed', true],
  ['spec.nodeName!=n1', false],
  ['spec.nodeName=', false],
  ['other=', true],
])('%j matches: %s', (text, expected) => {
  expect(parseFieldSelector(text).matches(fieldOf)).toBe(expected);
});

test.each(['spec.nodeName', 'a=b=c', 'a=\\x', 'a=b\\'])('%j is refused', (text) => {
  expect(() => parseFieldSelector(text)).toThrow(/invalid/);
});

test('any value survives escaping', () => {
  fc.assert(
    fc.property(fc.string(), (value) => {
      const selector = parseFieldSelector(`a!=x,metadata.name=${escapeFieldValue(value)}`);
      expect(exactFieldOf(selector, 'metadata.name')).toBe(value);
    }),
  );
});
