import { expect, test } from 'vitest';
import { splitAddress } from './address.ts';

test('addresses split, and default to loopback', () => {
  expect(splitAddress(':10259')).toEqual({ host: '127.0.0.1', port: 10259 });
  expect(splitAddress('[::1]:80')).toEqual({ host: '::1', port: 80 });
  expect(() => splitAddress('localhost')).toThrow(/host:port/);
});
