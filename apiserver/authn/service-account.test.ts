import { generateKeyPairSync } from 'node:crypto';
import { SignJWT } from 'jose';
import { expect, test } from 'vitest';
import type { Clock } from '../../machinery/clock.ts';
import { systemRandom } from '../../machinery/random.ts';
import type { ApiObject } from '../../proto/resource.ts';
import { authenticator } from './authenticate.ts';
import type { ObjectReader } from './object-reader.ts';
import {
  API_AUDIENCES,
  ISSUER,
  serviceAccountTokens,
  type TokenSubject,
} from './service-account.ts';

const EPOCH_MS = Date.parse('2026-01-01T00:00:00Z');

const subject: TokenSubject = {
  namespace: 'shop',
  serviceAccount: { name: 'web', uid: 'sa-1' },
  pod: { name: 'web-0', uid: 'pod-1' },
  audiences: API_AUDIENCES,
  lifetimeSeconds: 3600,
};

function setUp() {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const signingKey = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const uids = new Map([
    ['serviceaccounts/shop/web', 'sa-1'],
    ['pods/shop/web-0', 'pod-1'],
  ]);
  const time = { nowMs: EPOCH_MS };
  const clock: Clock = {
    now: () => time.nowMs,
    sleep: () => Promise.reject(new Error('nobody sleeps here')),
    after: () => () => {},
  };
  const get = (({ plural }, { namespace, name }) => {
    const uid = uids.get(`${plural}/${namespace}/${name}`);
    return uid === undefined ? undefined : ({ metadata: { name, uid } } as ApiObject);
  }) as ObjectReader['get'];
  const reader: ObjectReader = { get, list: () => [], podsOnNode: () => [] };
  const tokens = serviceAccountTokens({ signingKey, reader, clock, random: systemRandom });
  return { tokens, uids, time, privateKey };
}

test('a token names its account, and the groups of all accounts and of its namespace', async () => {
  const { tokens } = setUp();
  const { token, expiresMs } = await tokens.sign(subject);
  expect(expiresMs).toBe(EPOCH_MS + 3_600_000);
  const user = await authenticator(tokens)({ authorization: `Bearer ${token}` });
  expect(user).toMatchObject({
    name: 'system:serviceaccount:shop:web',
    uid: 'sa-1',
    groups: ['system:serviceaccounts', 'system:serviceaccounts:shop', 'system:authenticated'],
  });
});

test('a token dies with its time, its account and its pod, even one that was good before', async () => {
  const { tokens, uids, time } = setUp();
  const { token } = await tokens.sign(subject);
  expect(await tokens.verify(token)).toBeDefined();
  uids.set('pods/shop/web-0', 'pod-2');
  expect(await tokens.verify(token)).toBeUndefined();
  uids.set('pods/shop/web-0', 'pod-1');
  expect(await tokens.verify(token)).toBeDefined();
  uids.delete('serviceaccounts/shop/web');
  expect(await tokens.verify(token)).toBeUndefined();
  uids.set('serviceaccounts/shop/web', 'sa-1');
  time.nowMs += 3_600_000;
  expect(await tokens.verify(token)).toBeUndefined();
});

test('a token for another audience does not open this server', async () => {
  const { tokens } = setUp();
  const { token } = await tokens.sign({ ...subject, audiences: ['vault'] });
  expect(await tokens.verify(token)).toBeUndefined();
  expect((await tokens.verify(token, ['vault']))?.audiences).toEqual(['vault']);
});

test('a token of another key, an unsigned one and a broken one are refused', async () => {
  const { tokens } = setUp();
  const stranger = await setUp().tokens.sign(subject);
  const claims = { iss: ISSUER, sub: 'x', aud: ISSUER, exp: EPOCH_MS, 'kubernetes.io': {} };
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const unsigned = `${encode({ alg: 'none' })}.${encode(claims)}.`;
  const symmetric = await new SignJWT(claims)
    .setProtectedHeader({ alg: 'HS256' })
    .sign(new TextEncoder().encode('a secret that anybody may know, 32 b'));
  for (const token of [stranger.token, unsigned, symmetric, 'x.y.z', '']) {
    expect(await tokens.verify(token)).toBeUndefined();
  }
});

test('wrong credentials are refused, none at all make an anonymous user', async () => {
  const { tokens } = setUp();
  const authenticate = authenticator(tokens);
  expect(await authenticate({})).toMatchObject({ name: 'system:anonymous' });
  await expect(async () => authenticate({ authorization: 'Basic YTpi' })).rejects.toThrow();
  await expect(async () => authenticate({ authorization: 'Bearer x' })).rejects.toThrow();
  expect(() => authenticate({ isCertificateBad: true })).toThrow('Unauthorized');
});
