import { expect, test } from 'vitest';
import { isPercent, scaled } from './int-or-string.ts';

test('percentages round as told, numbers stay, other texts are no number', () => {
  expect(scaled('25%', 10, 'up')).toBe(3);
  expect(scaled('25%', 10, 'down')).toBe(2);
  expect(scaled('100%', 7, 'down')).toBe(7);
  expect(scaled(4, 10, 'up')).toBe(4);
  expect(scaled('http', 10, 'up')).toBeUndefined();
  expect(scaled('5', 10, 'up')).toBeUndefined();
  expect([isPercent('5%'), isPercent('5'), isPercent(5), isPercent('-5%')]).toEqual([
    true,
    false,
    false,
    false,
  ]);
});
