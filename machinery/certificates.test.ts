import { createPrivateKey, X509Certificate } from 'node:crypto';
import { expect, test } from 'vitest';
import { loadCa, makeCa } from './certificates.ts';
import { systemClock } from './clock.ts';
import { systemRandom } from './random.ts';

const parts = { clock: systemClock, random: systemRandom };

test('a client certificate carries its user and groups, and its authority signed it', async () => {
  const ca = await makeCa('wherry-ca', parts);
  const pair = await ca.issue({
    commonName: 'system:node:node-1',
    organizations: ['system:nodes', 'other'],
    usages: ['client'],
  });
  const leaf = new X509Certificate(pair.certificate);
  expect(leaf.subject).toBe('O=system:nodes\nO=other\nCN=system:node:node-1');
  expect(leaf.verify(new X509Certificate(ca.certificate).publicKey)).toBe(true);
  expect(leaf.ca).toBe(false);
  expect(leaf.keyUsage).toEqual(['1.3.6.1.5.5.7.3.2']);
  expect(leaf.checkPrivateKey(createPrivateKey(pair.key))).toBe(true);
});

test('a server certificate answers to its names and addresses', async () => {
  const ca = await makeCa('wherry-ca', parts);
  const hosts = ['localhost', 'kubernetes.default.svc', '127.0.0.1', '::1'];
  const pair = await ca.issue({ commonName: 'apiserver', hosts, usages: ['server'] });
  const leaf = new X509Certificate(pair.certificate);
  expect(leaf.checkHost('kubernetes.default.svc')).toBeDefined();
  expect(leaf.checkIP('127.0.0.1')).toBe('127.0.0.1');
  expect(leaf.checkIP('127.0.0.2')).toBeUndefined();
});

test('an authority that was loaded again issues certificates of the same chain', async () => {
  const ca = await makeCa('wherry-ca', parts);
  const again = await loadCa({ certificate: ca.certificate, key: ca.key }, parts);
  const pair = await again.issue({ commonName: 'ann', usages: ['client'] });
  const root = new X509Certificate(ca.certificate);
  const leaf = new X509Certificate(pair.certificate);
  expect(leaf.verify(root.publicKey)).toBe(true);
  expect(leaf.checkIssued(root)).toBe(true);
});
