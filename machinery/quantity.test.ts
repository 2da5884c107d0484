import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  canonicalQuantity,
  isQuantity,
  milliValueOf,
  parseQuantity,
  wholeValueOf,
} from './quantity.ts';

test.each([
  ['0', '0'],
  ['0Mi', '0'],
  ['100m', '100m'],
  ['0.1', '100m'],
  ['1.5', '1500m'],
  ['1000m', '1'],
  ['100000', '100k'],
  ['1.5Gi', '1536Mi'],
  ['0.5Mi', '512Ki'],
  ['0.1Ki', '102400m'],
  ['1024', '1024'],
  ['1024Ki', '1Mi'],
  ['1023Ki', '1023Ki'],
  ['12e6', '12e6'],
  ['1E', '1E'],
  ['1e3', '1e3'],
  ['1000e0', '1e3'],
  ['.5', '500m'],
  ['1.', '1'],
  ['-1.5', '-1500m'],
  ['+7', '7'],
  ['0.1n', '1n'],
  ['0.0000000001', '1n'],
  ['9223372036854775807Ki', '9223372036854775807'],
  ['1Ei', '1Ei'],
])('%s is written %s', (text, canonical) => {
  expect(canonicalQuantity(text)).toBe(canonical);
});

test.each(['', ' ', 'Mi', '1.2.3', '1Zi', '0x10', '1e', '1mi', '--1', '1 Gi', '1e99999999', 'NaN'])(
  '%j is no quantity',
  (text) => {
    expect(isQuantity(text)).toBe(false);
  },
);

test('values round away from zero', () => {
  expect(parseQuantity('100m').value()).toBe(1);
  expect(parseQuantity('-100m').value()).toBe(-1);
  expect(parseQuantity('1n').milliValue()).toBe(1);
  expect(milliValueOf('1500m')).toBe(1500);
  expect(wholeValueOf('64Mi')).toBe(67108864);
  expect(wholeValueOf(undefined)).toBe(0);
});

test('sums keep the format of the first that is not zero', () => {
  const zero = parseQuantity('0');
  expect(`${zero.add(parseQuantity('512Mi')).add(parseQuantity('512Mi'))}`).toBe('1Gi');
  expect(`${parseQuantity('1').sub(parseQuantity('250m'))}`).toBe('750m');
  expect(parseQuantity('1Ki').compare(parseQuantity('1k'))).toBe(1);
  expect(parseQuantity('1000m').compare(parseQuantity('1'))).toBe(0);
});

const QUANTITY = fc
  .tuple(
    fc.integer({ min: -1_000_000, max: 1_000_000 }),
    fc.constantFrom('', 'n', 'u', 'm', 'k', 'M', 'G', 'Ki', 'Mi', 'Gi', 'e3', 'e-3'),
  )
  .map(([number, suffix]) => `${number}${suffix}`);

test('the canonical text is a fixed point and keeps the amount', () => {
  fc.assert(
    fc.property(QUANTITY, (text) => {
      const canonical = canonicalQuantity(text);
      expect(canonicalQuantity(canonical)).toBe(canonical);
      expect(parseQuantity(canonical).nanos).toBe(parseQuantity(text).nanos);
    }),
  );
});
