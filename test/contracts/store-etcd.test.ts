// What only a real etcd can do to a store: restart, serve several clusters, answer in megabytes.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { openEtcdStore } from '../../apiserver/store/etcd.ts';
import type { Store } from '../../apiserver/store/store.ts';
import { WatchHub } from '../../apiserver/watch/hub.ts';
import { systemClock } from '../../machinery/clock.ts';
import { silentLog } from '../../machinery/log.ts';
import { type EtcdServer, startEtcd } from '../etcd-server.ts';
import { bytes, text } from './store.ts';

const PODS = { group: '', plural: 'pods' };
const KEY = '/registry/core/pods/ns/a';

const pod = (name: string, pad = ''): Uint8Array =>
  bytes(JSON.stringify({ kind: 'Pod', apiVersion: 'v1', metadata: { name }, pad }));

let etcd: EtcdServer;
beforeAll(async () => {
  etcd = await startEtcd();
});
afterAll(() => etcd?.stop());

const open = (prefix: string, endpoints = [etcd.endpoint]): Store =>
  openEtcdStore({ endpoints, prefix }, systemClock);

test('clusters with prefixes of their own do not see each other', async () => {
  const [one, other] = [open('/one'), open('/one-more')];
  await one.put(KEY, bytes('1'));
  await other.put(KEY, bytes('2'));
  expect(text((await one.get(KEY))?.value)).toBe('1');
  expect((await one.list('/registry/')).entries.map(({ key }) => key)).toEqual([KEY]);
  const lists = await Promise.all([one, other].map((store) => store.list('/registry/')));
  expect(lists.map(({ entries }) => text(entries[0]?.value))).toEqual(['1', '2']);
  await Promise.all([one.close(), other.close()]);
});

test('a list of tens of megabytes arrives', async () => {
  const store = open('/large');
  const value = Buffer.alloc(12_000, 'x');
  for (let at = 0; at < 6000; at += 500) {
    const serials = Array.from({ length: 500 }, (_, i) => String(at + i).padStart(5, '0'));
    await Promise.all(serials.map((it) => store.put(`/registry/core/pods/ns/p${it}`, value)));
  }
  const { entries } = await store.list('/registry/core/pods/');
  expect(entries).toHaveLength(6000);
  expect(new Set(entries.map(({ key }) => key)).size).toBe(6000);
  await store.close();
});

test('with one of two endpoints dead, reads and writes go to the other', async () => {
  const store = open('/two', ['http://127.0.0.1:9', etcd.endpoint]);
  for (let i = 0; i < 10; i++) {
    expect((await store.put(KEY, bytes(String(i)))).ok).toBe(true);
    expect(text((await store.get(KEY))?.value)).toBe(String(i));
  }
  await store.close();
});

test('concurrent readers of the progress share calls and are never told the past', async () => {
  const store = open('/progress');
  const checks = Array.from({ length: 200 }, async (_, i) => {
    const result = await store.put(`${KEY}${i}`, bytes('x'));
    if (result.ok) expect(await store.progress()).toBeGreaterThanOrEqual(result.revision);
  });
  await Promise.all(checks);
  await store.close();
});

test('the caches reach a revision that another cluster wrote', async () => {
  const [one, other] = [open('/caches'), open('/caches-of-others')];
  const aborter = new AbortController();
  const hub = hubOf(one);
  const running = hub.run(aborter.signal);
  await hub.waitFor(await one.progress());
  await one.put(KEY, pod('a'));
  await other.put(KEY, pod('b'));
  await hub.waitFor(await one.progress());
  expect(hub.cacheOf(PODS).get('ns/a')?.object.metadata.name).toBe('a');
  aborter.abort();
  await running;
  await Promise.all([one.close(), other.close()]);
});

test('after etcd was killed and restarted, writes and watches go on without a gap', async () => {
  const store = open('/restart');
  const aborter = new AbortController();
  const hub = hubOf(store);
  const running = hub.run(aborter.signal);
  await hub.waitFor(await store.progress());
  const seen: number[] = [];
  const reading = (async () => {
    const after = hub.revision;
    for await (const batch of hub
      .cacheOf(PODS)
      .watch({}, { afterRevision: after }, aborter.signal)) {
      for (const event of batch) if (event.type !== 'BOOKMARK') seen.push(event.item.revision);
    }
  })();
  const written: number[] = [];
  for (let i = 0; i < 3; i++) {
    const result = await store.put(KEY, pod('a', String(i)));
    if (result.ok) written.push(result.revision);
    if (i < 2) await etcd.restart();
  }
  await expect.poll(() => seen, { timeout: 10_000 }).toEqual(written);
  expect(written).toHaveLength(3);
  await expect.poll(() => hub.ready).toBe(true);
  aborter.abort();
  await Promise.all([running, reading]);
  await store.close();
});

const hubOf = (store: Store): WatchHub =>
  new WatchHub({ store, clock: systemClock, log: silentLog, resources: [{ resource: PODS }] });
