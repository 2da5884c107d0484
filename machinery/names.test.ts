import { expect, test } from 'vitest';
import {
  isConfigMapKey,
  isDns1035Label,
  isDnsLabel,
  isDnsSubdomain,
  isEnvVarName,
  isLabelValue,
  isPathSegment,
  isPortName,
  isQualifiedName,
  portNumberFaults,
} from './names.ts';

test.each([
  [isDnsLabel, ['a', 'web-1', '1'], ['', 'Web', '-a', 'a-', 'a_b', 'a'.repeat(64)]],
  [isDnsSubdomain, ['a', 'a.b-c.d'], ['', '.', 'a..b', 'A.b', 'a.', 'a'.repeat(254)]],
  [isDns1035Label, ['a', 'a1'], ['1a', '', 'a.b']],
  [isQualifiedName, ['app', 'example.com/App_1.x'], ['', '/a', 'a/', 'a/b/c', 'A.b/c', 'é']],
  [isLabelValue, ['', 'A_b.c-1'], ['-a', 'a b', 'a'.repeat(64)]],
  [isPortName, ['http', 'a-1'], ['', '80', 'a--b', '-a', 'HTTP', 'a234567890123456']],
  [isEnvVarName, ['A', 'a.b-c', '1A', 'A B'], ['', 'A=B', 'É', 'a\n']],
  [isConfigMapKey, ['a.conf', '_A'], ['', '.', '..', '..a', 'a/b']],
  [isPathSegment, ['a', 'a:b'], ['.', '..', 'a/b', 'a%b']],
])('%o tells good names from bad ones', (isValid, good, bad) => {
  for (const name of good) expect([name, isValid(name)]).toEqual([name, []]);
  for (const name of bad) expect(isValid(name), name).not.toEqual([]);
});

test('a label with dots is told so', () => {
  expect(isDnsLabel('a.b')).toEqual(['must not contain dots']);
});

test('a bad name is explained with examples and the pattern', () => {
  expect(isDnsSubdomain('Web_1')).toEqual([
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' " +
      "or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex " +
      "used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
  ]);
});

test('ports are 1 to 65535', () => {
  expect([0, 1, 65535, 65536, 1.5].map((port) => portNumberFaults(port).length)).toEqual([
    1, 0, 0, 1, 1,
  ]);
});
