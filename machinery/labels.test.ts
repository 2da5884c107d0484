import fc from 'fast-check';
import { expect, test } from 'vitest';
import { hasReason } from './errors.ts';
import {
  exactValueOf,
  type Labels,
  parseSelector,
  selectorOf,
  selectorOfLabels,
} from './labels.ts';

const WEB: Labels = { app: 'web', tier: 'front', size: '5' };

test.each([
  ['', true],
  ['app', true],
  ['!app', false],
  ['!other', true],
  ['app=web', true],
  ['app==web', true],
  ['app = web , tier = front', true],
  ['app!=web', false],
  ['other!=x', true],
  ['app in (web,db)', true],
  ['app in (db)', false],
  ['app notin (db)', true],
  ['other notin (x)', true],
  ['size>4', true],
  ['size<5', false],
  ['app>4', false],
  ['app=', false],
  ['x in (in,notin)', false],
  ['app in (,web)', true],
  ['toString', false],
])('%j matches the labels of web: %s', (text, expected) => {
  expect(parseSelector(text).matches(WEB)).toBe(expected);
});

test.each([
  ['app=web,', "found '', expected: identifier after ','"],
  ['=web', "found '=', expected: !, identifier, or 'end of string'"],
  ['app web', "found 'web', expected: in, notin, =, ==, !=, gt, lt"],
  ['app in web', "found 'web' expected: '('"],
  ['app in (web', "found '', expected: ',' or ')'"],
  ['app=a=b', "found '=', expected: ',' or 'end of string'"],
  ['a//b=c', 'Invalid value: "a//b"'],
  ['size>x', 'must be an integer'],
])('%j is refused: %s', (text, why) => {
  const refusal = (() => {
    try {
      return parseSelector(text);
    } catch (error) {
      return error;
    }
  })();
  expect(hasReason(refusal, 'BadRequest')).toBe(true);
  expect(String(refusal)).toContain(why);
});

test('an absent LabelSelector selects nothing, an empty one everything', () => {
  expect(selectorOf(undefined).matches(WEB)).toBe(false);
  expect(selectorOf({}).matches(WEB)).toBe(true);
  expect(selectorOf({}).matches(undefined)).toBe(true);
});

test('labels and expressions of a LabelSelector must all hold', () => {
  const selector = selectorOf({
    matchLabels: { app: 'web' },
    matchExpressions: [{ key: 'tier', operator: 'NotIn', values: ['back'] }],
  });
  expect(selector.matches(WEB)).toBe(true);
  expect(selector.matches({ ...WEB, tier: 'back' })).toBe(false);
  expect(`${selector}`).toBe('app=web,tier!=back');
  expect(exactValueOf(selector, 'app')).toBe('web');
  expect(exactValueOf(selector, 'tier')).toBeUndefined();
});

const WORD = fc.stringMatching(/^[a-z][a-z0-9]{0,6}$/);

test('what a selector prints parses to the same selector', () => {
  fc.assert(
    fc.property(
      fc.dictionary(WORD, WORD),
      WORD,
      fc.uniqueArray(WORD, { minLength: 1 }),
      (a, k, v) => {
        const selector = selectorOf({
          matchLabels: a,
          matchExpressions: [{ key: k, operator: 'NotIn', values: v }],
        });
        const again = parseSelector(`${selector}`);
        expect(`${again}`).toBe(`${selector}`);
        expect(selectorOfLabels(a).matches(a)).toBe(true);
      },
    ),
  );
});
