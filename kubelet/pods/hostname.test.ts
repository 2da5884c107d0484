import { expect, test } from 'vitest';
import type { PodSpec } from '../../proto/generated/core.v1.ts';
import { webPod } from '../../test/kubelet-builders.ts';
import { hasOwnHostname, hostnameOf, hostsFileOf, resolvConfOf } from './hostname.ts';

const DOMAIN = 'cluster.local';
const settings = {
  clusterDns: ['10.96.0.10'],
  clusterDomain: DOMAIN,
  hostResolvConf: 'search lan\nnameserver 192.0.2.1\noptions edns0\n',
};
const resolv = (spec: Partial<PodSpec>, rest: Partial<typeof settings> = {}) =>
  resolvConfOf(webPod(spec), { ...settings, ...rest })
    .trim()
    .split('\n');

test('a pod is called by its name, cut to what a host name may be', () => {
  expect(hostnameOf(webPod(), DOMAIN)).toBe('web');
  const long = webPod({}, { metadata: { name: `${'a'.repeat(62)}-b` } });
  expect(hostnameOf(long, DOMAIN)).toBe('a'.repeat(62));
  expect(hasOwnHostname(webPod())).toBe(false);
});

test('a host name and subdomain of its own make a full name', () => {
  const pod = webPod({ hostname: 'db-0', subdomain: 'db', setHostnameAsFQDN: true });
  expect(hasOwnHostname(pod)).toBe(true);
  expect(hostnameOf(pod, DOMAIN)).toBe('db-0.db.default.svc.cluster.local');
  expect(hostsFileOf(pod, { ip: '10.244.1.2', clusterDomain: DOMAIN })).toContain(
    '10.244.1.2\tdb-0.db.default.svc.cluster.local\tdb-0\n',
  );
});

test('host aliases are in the hosts file', () => {
  const pod = webPod({ hostAliases: [{ ip: '192.0.2.9', hostnames: ['x', 'y'] }] });
  expect(hostsFileOf(pod, { ip: '', clusterDomain: DOMAIN })).toContain('192.0.2.9\tx\ty\n');
});

test('names are looked up in the cluster first', () => {
  expect(resolv({})).toEqual([
    'nameserver 10.96.0.10',
    'search default.svc.cluster.local svc.cluster.local cluster.local lan',
    'options ndots:5',
  ]);
});

test('a cluster without DNS, a policy of Default or the network of the host mean the DNS of the host', () => {
  const host = ['nameserver 192.0.2.1', 'search lan', 'options edns0'];
  expect(resolv({}, { clusterDns: [] })).toEqual(host);
  expect(resolv({ dnsPolicy: 'Default' })).toEqual(host);
  expect(resolv({ dnsPolicy: 'ClusterFirst', hostNetwork: true })).toEqual(host);
});

test('a pod may add to its DNS, or say all of it', () => {
  const dnsConfig = {
    nameservers: ['192.0.2.7'],
    searches: ['my.dns'],
    options: [{ name: 'ndots', value: '2' }],
  };
  expect(resolv({ dnsPolicy: 'None', dnsConfig })).toEqual([
    'nameserver 192.0.2.7',
    'search my.dns',
    'options ndots:2',
  ]);
  expect(resolv({ dnsConfig }).at(-1)).toBe('options ndots:2');
});
