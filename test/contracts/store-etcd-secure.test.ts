// etcd behind certificates, and behind passwords.

import { Etcd3 } from 'etcd3';
import { expect, test } from 'vitest';
import { openEtcdStore } from '../../apiserver/store/etcd.ts';
import { StoreUnavailableError } from '../../apiserver/store/store.ts';
import { makeCa } from '../../machinery/certificates.ts';
import { systemClock } from '../../machinery/clock.ts';
import { systemRandom } from '../../machinery/random.ts';
import { startEtcd } from '../etcd-server.ts';
import { bytes, take, text } from './store.ts';

const KEY = '/registry/core/pods/ns/a';

test('with a certificate it reads, writes and watches; without one it is refused', async () => {
  const ca = await makeCa('etcd-ca', { clock: systemClock, random: systemRandom });
  const server = await ca.issue({
    commonName: 'etcd',
    hosts: ['127.0.0.1'],
    usages: ['server', 'client'],
  });
  const client = await ca.issue({ commonName: 'apiserver', usages: ['client'] });
  const etcd = await startEtcd({
    tls: { ca: ca.certificate, cert: server.certificate, key: server.key },
  });
  try {
    const endpoints = [etcd.endpoint];
    const tls = { ca: Buffer.from(ca.certificate) };
    const cert = { cert: Buffer.from(client.certificate), key: Buffer.from(client.key) };
    const store = openEtcdStore({ endpoints, tls: { ...tls, ...cert } }, systemClock);
    const start = await store.progress();
    expect((await store.put(KEY, bytes('1'))).ok).toBe(true);
    expect(text((await store.get(KEY))?.value)).toBe('1');
    expect(await take(store, KEY, start, 1)).toEqual([`create ${KEY} 1 @${start + 1}`]);
    await store.close();
    const stranger = openEtcdStore({ endpoints, tls }, systemClock);
    await expect(stranger.get(KEY)).rejects.toThrow(StoreUnavailableError);
    await stranger.close();
  } finally {
    await etcd.stop();
  }
});

test('with a password it reads, writes and watches; with a wrong one it is refused', async () => {
  const etcd = await startEtcd();
  const admin = new Etcd3({ hosts: [etcd.endpoint] });
  try {
    await admin.role('root').create();
    const root = await admin.user('root').create('right');
    await root.addRole('root');
    await admin.auth.authEnable();
    const endpoints = [etcd.endpoint];
    const open = (password: string) =>
      openEtcdStore({ endpoints, auth: { username: 'root', password } }, systemClock);
    const store = open('right');
    const start = await store.progress();
    expect((await store.put(KEY, bytes('1'), { expectedRevision: 0 })).ok).toBe(true);
    expect(await take(store, KEY, start, 1)).toEqual([`create ${KEY} 1 @${start + 1}`]);
    await store.close();
    const stranger = open('wrong');
    await expect(stranger.get(KEY)).rejects.toThrow(StoreUnavailableError);
    await expect(stranger.get(KEY)).rejects.not.toThrow('wrong');
    await stranger.close();
  } finally {
    admin.close();
    await etcd.stop();
  }
});
