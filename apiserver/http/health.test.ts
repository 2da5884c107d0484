import { expect, test } from 'vitest';
import { type HealthChecks, healthAnswer } from './health.ts';

const checks: HealthChecks = {
  live: { ping: () => true },
  ready: {
    store: () => false,
    caches: async () => {
      throw new Error('a secret reason');
    },
  },
};

const ask = (url: string, of = checks) => {
  const [path = '', query] = url.split('?');
  return healthAnswer(of, path, new URLSearchParams(query));
};

test('alive is not yet ready', async () => {
  expect(await ask('/livez')).toEqual({ code: 200, text: 'ok' });
  expect((await ask('/readyz'))?.code).toBe(500);
});

test('a failure lists its checks, but not their reasons', async () => {
  expect((await ask('/readyz'))?.text).toBe(
    '[+]ping ok\n[-]store failed: reason withheld\n[-]caches failed: reason withheld\n' +
      'readyz check failed\n',
  );
});

test('one check can be asked for, and others left out', async () => {
  expect(await ask('/readyz/ping')).toEqual({ code: 200, text: 'ok' });
  expect((await ask('/readyz/store'))?.code).toBe(500);
  expect((await ask('/readyz/nonsense'))?.code).toBe(404);
  expect((await ask('/readyz?exclude=store&exclude=caches'))?.code).toBe(200);
});

test('details come when asked for; other paths are none of its business', async () => {
  expect((await ask('/livez?verbose'))?.text).toBe('[+]ping ok\nlivez check passed\n');
  expect(await ask('/api')).toBeUndefined();
  expect(await ask('/healthzz')).toBeUndefined();
});
