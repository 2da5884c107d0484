// What the stores and the watch cache can do on this machine, in half a minute:
//   node dist/bench/store/main.js
// Writes are durable (etcd's, too); values are 3 KB, as pods are.

import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openEmbeddedStore } from '../../apiserver/store/embedded.ts';
import { openEtcdStore } from '../../apiserver/store/etcd.ts';
import { MemoryStore } from '../../apiserver/store/memory.ts';
import type { Store } from '../../apiserver/store/store.ts';
import { frameOf } from '../../apiserver/watch/change.ts';
import { WatchHub } from '../../apiserver/watch/hub.ts';
import { systemClock } from '../../machinery/clock.ts';
import { silentLog } from '../../machinery/log.ts';
import type { Resource } from '../../proto/resource.ts';
import { startEtcd } from '../../test/etcd-server.ts';

const WRITERS = 64;
const WRITES_MS = 4000;
const LISTED = 10_000;
const STARTED = 100_000;
const WATCHERS = 100;
const WATCHED = 1000;

const PODS = { group: '', version: 'v1', kind: 'Pod', plural: 'pods' } as Resource;
const keyOf = (serial: number): string => `/registry/core/pods/bench/pod-${serial}`;

const rows: { readonly what: string; readonly value: string; readonly unit: string }[] = [];
const tell = (what: string, value: number, unit: string): void => {
  rows.push({ what, value: value < 10 ? value.toFixed(2) : String(Math.round(value)), unit });
};

function podBytes(serial: number): Buffer {
  const metadata = { name: `pod-${serial}`, namespace: 'bench', labels: { app: 'bench' } };
  const pod = { kind: 'Pod', apiVersion: 'v1', metadata, spec: { nodeName: '' }, pad: '' };
  pod.pad = 'x'.repeat(3000 - JSON.stringify(pod).length);
  return Buffer.from(JSON.stringify(pod));
}

const cpuSeconds = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};

/** Creates with 64 writers, each waiting for its own before the next. */
async function measureWrites(name: string, store: Store): Promise<void> {
  let serial = 0;
  const latencies: number[] = [];
  const startMs = performance.now();
  const startCpu = cpuSeconds();
  const writer = async () => {
    while (performance.now() - startMs < WRITES_MS) {
      const mine = serial++;
      const beforeMs = performance.now();
      const result = await store.put(keyOf(mine), podBytes(mine), { expectedRevision: 0 });
      if (!result.ok) throw new Error(`${keyOf(mine)} exists`);
      latencies.push(performance.now() - beforeMs);
    }
  };
  await Promise.all(Array.from({ length: WRITERS }, writer));
  const seconds = (performance.now() - startMs) / 1000;
  latencies.sort((a, b) => a - b);
  tell(`${name}: creates, ${WRITERS} writers`, latencies.length / seconds, '/s');
  tell(`${name}: create, p50`, latencies[latencies.length >> 1]!, 'ms');
  tell(`${name}: create, p99`, latencies[Math.floor(latencies.length * 0.99)]!, 'ms');
  tell(
    `${name}: CPU for 1,000 creates, client side`,
    ((cpuSeconds() - startCpu) / serial) * 1e6,
    'ms',
  );
  await fill(store, serial, LISTED);
}

async function fill(store: Store, from: number, to: number): Promise<void> {
  for (let at = from; at < to; at += 1000) {
    const serials = Array.from({ length: Math.min(1000, to - at) }, (_, i) => at + i);
    await Promise.all(serials.map((serial) => store.put(keyOf(serial), podBytes(serial))));
  }
}

async function measureList(name: string, store: Store): Promise<void> {
  const startMs = performance.now();
  const { entries } = await store.list('/registry/core/pods/', { limit: LISTED });
  if (entries.length !== LISTED) throw new Error(`${entries.length} listed`);
  tell(`${name}: list of ${LISTED.toLocaleString('en')}`, performance.now() - startMs, 'ms');
}

async function measureEmbedded(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'wherry-bench-'));
  let store = await openEmbeddedStore(folder);
  await measureWrites('embedded', store);
  await measureList('embedded', store);
  const count = (await store.progress()) - 1;
  await fill(store, count, STARTED);
  await store.close();
  const startMs = performance.now();
  store = await openEmbeddedStore(folder);
  const objects = Math.max(STARTED, count).toLocaleString('en');
  tell(`embedded: open with ${objects} objects`, performance.now() - startMs, 'ms');
  await measureHubStart(store, objects);
  await store.close();
  const { size } = await stat(join(folder, 'data.mdb'));
  tell('embedded: file', size / 2 ** 20, 'MB');
  await rm(folder, { recursive: true });
}

async function measureHubStart(store: Store, objects: string): Promise<void> {
  const startMs = performance.now();
  const { hub, stop } = startHub(store);
  await hub.waitFor(await store.progress());
  tell(`watch caches: filled with ${objects} objects`, performance.now() - startMs, 'ms');
  tell('watch caches: resident memory then', process.memoryUsage.rss() / 2 ** 20, 'MB');
  await stop();
}

async function measureEtcd(): Promise<void> {
  const etcd = await startEtcd();
  const store = openEtcdStore({ endpoints: [etcd.endpoint] }, systemClock);
  await measureWrites('etcd', store);
  await measureList('etcd', store);
  await store.close();
  await etcd.stop();
}

function startHub(store: Store) {
  const aborter = new AbortController();
  const resources = [{ resource: PODS }];
  const hub = new WatchHub({ store, clock: systemClock, log: silentLog, resources });
  const running = hub.run(aborter.signal);
  const stop = () => {
    aborter.abort();
    return running;
  };
  return { hub, stop };
}

/** Every watcher frames every event, as the REST door does. */
async function measureFanOut(): Promise<void> {
  const store = new MemoryStore();
  const { hub, stop } = startHub(store);
  await hub.waitFor(1);
  let batches = 0;
  let bytes = 0;
  const reading = Array.from({ length: WATCHERS }, async () => {
    const aborter = new AbortController();
    let seen = 0;
    for await (const batch of hub.cacheOf(PODS).watch({}, { afterRevision: 1 }, aborter.signal)) {
      batches++;
      for (const event of batch) bytes += frameOf(event, PODS).length;
      seen += batch.length;
      if (seen === WATCHED) return;
    }
  });
  const values = Array.from({ length: WATCHED }, (_, serial) => podBytes(serial));
  const startMs = performance.now();
  for (const [serial, value] of values.entries()) await store.put(keyOf(serial), value);
  await Promise.all(reading);
  const seconds = (performance.now() - startMs) / 1000;
  tell(
    `fan-out: ${WATCHERS} watchers × ${WATCHED} events`,
    (WATCHERS * WATCHED) / seconds,
    'events/s',
  );
  tell('fan-out: events a batch', (WATCHERS * WATCHED) / batches, '');
  tell('fan-out: framed', bytes / 2 ** 20, 'MB');
  await stop();
}

await measureFanOut();
await measureEmbedded();
await measureEtcd();
for (const { what, value, unit } of rows) {
  console.log(`${what.padEnd(52)} ${value.padStart(10)} ${unit}`);
}
