import { setMaxListeners } from 'node:events';
import { expect, test } from 'vitest';
import { hasReason } from '../../machinery/errors.ts';
import { type Log, silentLog } from '../../machinery/log.ts';
import { FakeClock } from '../../test/sim/fake-clock.ts';
import { SeededRandom } from '../../test/sim/seeded-random.ts';
import type { EncodedEvent } from '../registry/registry.ts';
import { MemoryStore } from '../store/memory.ts';
import { type Store, type StoreEvent, StoreUnavailableError } from '../store/store.ts';
import type { CacheWatch, IndexDefinition } from './cache.ts';
import { type HubParts, WatchHub } from './hub.ts';
import type { WatchFilter } from './watcher.ts';

const PODS = { group: '', plural: 'pods' };
const DEPLOYMENTS = { group: 'apps', plural: 'deployments' };

interface Labels {
  readonly app: string;
  readonly node: string;
}

const labelOf = (name: keyof Labels) => (labels: Labels) => labels[name];

const byNode: IndexDefinition = {
  name: 'node',
  valueOf: ({ object }) => object.metadata.labels?.node ?? '',
};

/** A memory store whose watches break when told. */
class BreakableStore extends MemoryStore {
  #breaks = new AbortController();
  /** While set, nothing but writes works. */
  isDown = false;

  breakWatches(): void {
    this.#breaks.abort();
    this.#breaks = new AbortController();
  }

  override async *watch(
    ...args: Parameters<Store['watch']>
  ): AsyncGenerator<readonly StoreEvent[]> {
    if (this.isDown) throw new StoreUnavailableError('down');
    const [prefix, after, signal] = args;
    const broken = this.#breaks.signal;
    for await (const batch of super.watch(prefix, after, AbortSignal.any([signal, broken]))) {
      if (broken.aborted) break;
      yield batch;
    }
    if (broken.aborted) throw new StoreUnavailableError('the watch broke');
  }
}

async function setUp(limits: HubParts['limits'] = {}, log: Log = silentLog) {
  const clock = new FakeClock();
  const store = new BreakableStore();
  const resources = [{ resource: PODS, indexes: [byNode] }, { resource: DEPLOYMENTS }];
  const hub = new WatchHub({ store, clock, log, resources, limits });
  const aborter = new AbortController();
  const write = async (key: string, labels: Labels | undefined): Promise<number> => {
    const [namespace, name] = key.split('/').slice(-2);
    const object = { kind: 'Pod', apiVersion: 'v1', metadata: { name, namespace, labels } };
    const result = await (labels === undefined
      ? store.delete(key)
      : store.put(key, Buffer.from(JSON.stringify(object))));
    if (!result.ok) throw new Error(`${key} was refused`);
    return result.revision;
  };
  const running = hub.run(aborter.signal);
  const stop = () => {
    aborter.abort();
    return running;
  };
  return { hub, store, clock, write, stop };
}

const lineOf = (event: EncodedEvent): string =>
  event.type === 'BOOKMARK'
    ? `BOOKMARK ${event.revision}`
    : `${event.type} ${event.item.object.metadata.name} ${event.item.revision}`;

const WEB: Labels = { app: 'web', node: 'n1' };

test('it is ready once everything is listed, and caches stand at one revision', async () => {
  const { hub, clock, write, stop } = await setUp();
  expect(hub.ready).toBe(false);
  await write('/registry/core/pods/ns/a', WEB);
  await write('/registry/apps/deployments/ns/d', WEB);
  await write('/registry/core/unknown/ns/x', WEB);
  await clock.advanceUntil(() => hub.ready);
  await hub.waitFor(4);
  expect(hub.cacheOf(PODS).get('ns/a')?.object.metadata.resourceVersion).toBe('2');
  expect(hub.cacheOf(DEPLOYMENTS).list({}).items).toHaveLength(1);
  expect(hub.cacheOf(PODS).revision).toBe(hub.cacheOf(DEPLOYMENTS).revision);
  await stop();
});

test('waitFor resolves with the write in every cache, and can be given up', async () => {
  const { hub, clock, write, stop } = await setUp();
  await clock.advanceUntil(() => hub.ready);
  const revision = await write('/registry/core/pods/ns/a', WEB);
  await hub.waitFor(revision);
  expect(hub.cacheOf(PODS).get('ns/a')?.revision).toBe(revision);
  const reason = new Error('no longer wanted');
  await expect(hub.waitFor(revision + 1, AbortSignal.abort(reason))).rejects.toBe(reason);
  expect(clock.pending).toBe(0);
  await stop();
});

test('after a restart readers resume where they were, and compacted history is no obstacle', async () => {
  const { hub, clock, store, write, stop } = await setUp();
  await clock.advanceUntil(() => hub.ready);
  for (const name of ['a', 'b', 'c']) await write(`/registry/core/pods/ns/${name}`, WEB);
  await write('/registry/core/pods/ns/a', undefined);
  await stop();
  for (const [compacted, after] of [
    [0, 2],
    [4, 5],
  ] as const) {
    if (compacted > 0) await store.compact(compacted);
    const resources = [{ resource: PODS }];
    const again = new WatchHub({ store, clock, log: silentLog, resources });
    const aborter = new AbortController();
    const running = again.run(aborter.signal);
    await clock.advanceUntil(() => again.ready);
    await again.waitFor(5);
    const items = again.cacheOf(PODS).list({}).items;
    expect(items.map(({ revision }) => revision)).toEqual([3, 4]);
    const lines: string[] = [];
    const reading = (async () => {
      const options = { afterRevision: after };
      for await (const batch of again.cacheOf(PODS).watch({}, options, aborter.signal)) {
        lines.push(...batch.map(lineOf));
      }
    })();
    await clock.advance(1);
    expect(lines).toEqual(['ADDED b 3', 'ADDED c 4', 'DELETED a 5'].slice(after - 2));
    aborter.abort();
    await Promise.all([running, reading]);
  }
});

test('what cannot be read is left out and told, and nothing else is disturbed', async () => {
  const errors: unknown[] = [];
  const log = { ...silentLog, error: (_: string, fields?: object) => errors.push(fields) };
  const { hub, clock, store, write, stop } = await setUp({}, log);
  await store.put('/registry/core/pods/ns/x', Buffer.from('not an object'));
  await clock.advanceUntil(() => hub.ready);
  await store.put('/registry/core/pods/ns/y', Buffer.from('{"metadata":{broken'));
  const revision = await write('/registry/core/pods/ns/a', WEB);
  await hub.waitFor(revision);
  expect(
    hub
      .cacheOf(PODS)
      .list({})
      .items.map((item) => item.revision),
  ).toEqual([revision]);
  expect(errors).toMatchObject([
    { key: '/registry/core/pods/ns/x' },
    { key: '/registry/core/pods/ns/y' },
  ]);
  await stop();
});

test('a revision that only others wrote is reached through a write of its own', async () => {
  const { hub, clock, store, stop } = await setUp();
  await clock.advanceUntil(() => hub.ready);
  await store.put('/other-cluster/x', Buffer.from('{}'));
  const foreign = await store.progress();
  let isReached = false;
  const waiting = hub.waitFor(foreign).then(() => {
    isReached = true;
  });
  await clock.advance(50);
  expect(isReached).toBe(false);
  await clock.advance(60);
  await waiting;
  expect(hub.revision).toBe(foreign + 1);
  await stop();
});

test('a broken watch goes on where it stood; meanwhile the hub is not ready', async () => {
  const { hub, clock, store, write, stop } = await setUp();
  await clock.advanceUntil(() => hub.ready);
  const lines: string[] = [];
  const aborter = new AbortController();
  const reading = (async () => {
    for await (const batch of hub.cacheOf(PODS).watch({}, {}, aborter.signal)) {
      lines.push(...batch.map(lineOf));
    }
  })();
  await clock.advance(1);
  await write('/registry/core/pods/ns/a', WEB);
  await clock.advance(1);
  store.isDown = true;
  store.breakWatches();
  await clock.advance(5000);
  expect(hub.ready).toBe(false);
  await write('/registry/core/pods/ns/a', undefined);
  await write('/registry/core/pods/ns/b', WEB);
  store.isDown = false;
  await clock.advanceUntil(() => hub.ready && lines.length === 3);
  expect(lines).toEqual(['ADDED a 2', 'DELETED a 3', 'ADDED b 4']);
  aborter.abort();
  await reading;
  await stop();
});

test('when history is compacted away it lists again, and readers expire', async () => {
  const { hub, clock, store, write, stop } = await setUp();
  await clock.advanceUntil(() => hub.ready);
  await write('/registry/core/pods/ns/a', WEB);
  await clock.advance(1);
  const reading = hub.cacheOf(PODS).watch({}, {}, new AbortController().signal).next();
  reading.catch(() => {});
  store.isDown = true;
  store.breakWatches();
  await clock.advance(1);
  await write('/registry/core/pods/ns/a', undefined);
  const revision = await write('/registry/core/pods/ns/b', WEB);
  await store.compact(revision);
  store.isDown = false;
  await clock.advanceUntil(() => hub.revision === revision);
  await expect(reading).rejects.toMatchObject({ reason: 'Expired' });
  expect(hub.cacheOf(PODS).get('ns/a')).toBeUndefined();
  expect(hub.cacheOf(PODS).get('ns/b')?.revision).toBe(revision);
  await write('/registry/core/pods/ns/c', WEB);
  await hub.waitFor(revision + 1);
  await stop();
});

interface Written {
  readonly revision: number;
  readonly key: string;
  readonly labels: Labels | undefined;
}

interface Reader {
  readonly wants: (key: string, labels: Labels) => boolean;
  readonly startedAt: number;
  readonly lines: string[];
  isExpired: boolean;
}

/** What a reader of everything after the revision must be told, worked out from the history. */
function expectedLines(history: readonly Written[], { wants, startedAt }: Reader): string[] {
  const state = new Map<string, Labels>();
  const lines: string[] = [];
  for (const { revision, key, labels } of history) {
    const before = state.get(key);
    if (labels === undefined) state.delete(key);
    else state.set(key, labels);
    if (revision <= startedAt) continue;
    const did = before !== undefined && wants(key, before);
    const does = labels !== undefined && wants(key, labels);
    const name = key.split('/').at(-1);
    if (does) lines.push(`${did ? 'MODIFIED' : 'ADDED'} ${name} ${revision}`);
    else if (did) lines.push(`DELETED ${name} ${revision}`);
  }
  return lines;
}

const SEEDS = Array.from({ length: 12 }, (_, i) => 1000 + i);

test.each(SEEDS)('every reader is told exactly its part of history, seed %i', async (seed) => {
  const random = new SeededRandom(seed);
  const { hub, clock, store, write, stop } = await setUp({
    windowEventsMax: 120,
    bufferEventsMax: 60,
  });
  await clock.advanceUntil(() => hub.ready);
  const history: Written[] = [];
  const living = new Set<string>();
  const readers: Reader[] = [];
  const follows: Promise<void>[] = [];
  const aborter = new AbortController();
  setMaxListeners(0, aborter.signal);
  const pick = (): Labels => ({ app: random.pick(['web', 'db']), node: `n${random.below(3)}` });

  const step = async () => {
    const key = `/registry/core/pods/${random.pick(['ns', 'ns-2'])}/p${random.below(8)}`;
    const isDelete = living.has(key) && random.fraction() < 0.3;
    const labels = isDelete ? undefined : pick();
    const revision = await write(key, labels);
    history.push({ revision, key, labels });
    if (isDelete) living.delete(key);
    else living.add(key);
  };
  const read = () => {
    const { filter, wants } = randomFilter(random);
    const isSnapshot = random.fraction() < 0.4;
    const after = Math.max(1, hub.revision - random.below(140));
    const reader: Reader = { wants, startedAt: after, lines: [], isExpired: false };
    const options: CacheWatch = isSnapshot
      ? { sendInitialEvents: true, markInitialEnd: true }
      : { afterRevision: after };
    const pauses = random.below(6);
    readers.push(reader);
    follows.push(
      follow(reader, {
        events: hub.cacheOf(PODS).watch(filter, options, aborter.signal),
        pauses,
      }),
    );
  };
  /** A snapshot is checked where it ends, and history from there on. */
  const follow = async (
    reader: Reader,
    { events, pauses }: { events: AsyncIterable<readonly EncodedEvent[]>; pauses: number },
  ) => {
    try {
      for await (const batch of events) {
        for (const event of batch) {
          if (event.type === 'BOOKMARK') checkSnapshot(reader, event.revision);
          else reader.lines.push(lineOf(event));
        }
        for (let i = 0; i < pauses; i++) await new Promise((resolve) => setImmediate(resolve));
      }
    } catch (error) {
      if (!hasReason(error, 'Expired')) throw error;
      reader.isExpired = true;
    }
  };
  const checkSnapshot = (reader: Reader, revision: number) => {
    const state = new Map<string, Written>();
    for (const write of history.filter((it) => it.revision <= revision))
      state.set(write.key, write);
    const present = [...state.values()]
      .filter(({ key, labels }) => labels !== undefined && reader.wants(key, labels))
      .sort((a, b) => (a.key < b.key ? -1 : 1))
      .map(({ key, revision: written }) => `ADDED ${key.split('/').at(-1)} ${written}`);
    expect(reader.lines.splice(0)).toEqual(present);
    Object.assign(reader, { startedAt: revision });
  };

  for (let i = 0; i < 400; i++) {
    await step();
    if (random.fraction() < 0.1) read();
    if (random.fraction() < 0.4) await clock.advance(5);
    if (random.fraction() < 0.01) store.breakWatches();
  }
  const last = history.at(-1)!.revision;
  await clock.advanceUntil(() => hub.revision === last);
  for (let i = 0; i < 500; i++) await clock.advance(0);
  for (const reader of readers) {
    const expected = expectedLines(history, reader);
    if (reader.isExpired) expect(reader.lines).toEqual(expected.slice(0, reader.lines.length));
    else expect(reader.lines).toEqual(expected);
  }
  expect(readers.filter(({ isExpired }) => !isExpired).length).toBeGreaterThan(5);
  aborter.abort();
  await Promise.all(follows);
  await stop();
});

function randomFilter(random: SeededRandom): {
  readonly filter: WatchFilter;
  readonly wants: Reader['wants'];
} {
  const [field] = random.pick([[], ['app'], ['node']] as const);
  const value = field === 'app' ? 'web' : `n${random.below(3)}`;
  const namespace = random.fraction() < 0.5 ? 'ns' : undefined;
  const isHinted = field === 'node' && random.fraction() < 0.7;
  return {
    filter: {
      ...(namespace && { namespace }),
      ...(field && { matches: ({ object }) => object.metadata.labels?.[field] === value }),
      ...(isHinted && { hint: { index: 'node', value } }),
    },
    wants: (key, labels) =>
      (namespace === undefined || key.startsWith(`/registry/core/pods/${namespace}/`)) &&
      (field === undefined || labelOf(field)(labels) === value),
  };
}
