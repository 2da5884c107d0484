import { expect, test } from 'vitest';
import { StatusError } from '../../machinery/errors.ts';
import type { Resource } from '../../proto/resource.ts';
import { FakeClock } from '../../test/sim/fake-clock.ts';
import type { EncodedEvent } from '../registry/registry.ts';
import { RevisionGate } from '../store/revision-gate.ts';
import { type CacheLimits, type CacheWatch, WatchCache } from './cache.ts';
import { frameOf } from './change.ts';
import { ParsedPool } from './encoding.ts';
import type { WatchFilter } from './watcher.ts';

const POD = { group: '', version: 'v1', kind: 'Pod', plural: 'pods' } as Resource;

const LIMITS: CacheLimits = {
  windowEventsMax: 10,
  windowBytesMax: 1_000_000,
  bufferEventsMax: 10,
  bufferBytesMax: 1_000_000,
};

function setUp(limits: Partial<CacheLimits> = {}) {
  const clock = new FakeClock();
  const gate = new RevisionGate(100);
  const cache = new WatchCache({
    clock,
    gate,
    parsed: new ParsedPool(1_000_000),
    limits: { ...LIMITS, ...limits },
    indexes: [
      {
        name: 'spec.nodeName',
        valueOf: ({ object }) => (object as { spec?: { nodeName?: string } }).spec?.nodeName ?? '',
      },
    ],
  });
  const write = (key: string, spec: { node?: string; app?: string } | undefined) => {
    const revision = gate.revision + 1;
    const [namespace, name] = key.split('/');
    const metadata = { name, namespace, labels: { app: spec?.app ?? '' } };
    const pod = { kind: 'Pod', apiVersion: 'v1', metadata, spec: { nodeName: spec?.node ?? '' } };
    cache.apply(key, spec && Buffer.from(JSON.stringify(pod)), revision);
    gate.advance(revision);
    cache.flush();
    return revision;
  };
  return { cache, clock, write };
}

/** Reads a watch in the background; `lines` is what came so far. */
function read(cache: WatchCache, filter: WatchFilter = {}, options: CacheWatch = {}) {
  const aborter = new AbortController();
  const lines: string[] = [];
  const batches: (readonly EncodedEvent[])[] = [];
  const done = (async () => {
    for await (const batch of cache.watch(filter, options, aborter.signal)) {
      batches.push(batch);
      lines.push(...batch.map(lineOf));
    }
  })();
  done.catch(() => {});
  return { lines, batches, done, abort: () => aborter.abort() };
}

const lineOf = (event: EncodedEvent): string =>
  event.type === 'BOOKMARK'
    ? `BOOKMARK ${event.revision}${event.initialEventsEnd ? ' end' : ''}`
    : `${event.type} ${event.item.object.metadata.name} ${event.item.object.metadata.resourceVersion}`;

/** Lets everything that is ready run. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

const ofApp = (app: string): WatchFilter => ({
  matches: ({ object }) => object.metadata.labels?.app === app,
});

test('a selector turns changes into additions and deletions at its edge', async () => {
  const { cache, write } = setUp();
  write('ns/a', { app: 'web' });
  const web = read(cache, ofApp('web'), { sendInitialEvents: true });
  write('ns/a', { app: 'web' });
  await settle();
  write('ns/a', { app: 'db' });
  write('ns/a', { app: 'db' });
  write('ns/a', { app: 'web' });
  write('ns/a', undefined);
  await settle();
  expect(web.lines).toEqual([
    'ADDED a 101',
    'MODIFIED a 102',
    'DELETED a 103',
    'ADDED a 105',
    'DELETED a 106',
  ]);
  const left = web.batches.flat()[2]!;
  expect(left.type === 'DELETED' && left.item.object.metadata.labels?.app).toBe('web');
  web.abort();
});

test('all readers share one event and one frame', async () => {
  const { cache, write } = setUp();
  const one = read(cache);
  const other = read(cache, ofApp('web'));
  await settle();
  write('ns/a', { app: 'web' });
  await settle();
  const event = one.batches[0]![0]!;
  expect(other.batches[0]![0]).toBe(event);
  expect(frameOf(event, POD)).toBe(frameOf(event, POD));
  const frame = frameOf(event, POD).toString();
  expect(frame.endsWith('}\n')).toBe(true);
  expect(JSON.parse(frame)).toMatchObject({
    type: 'ADDED',
    object: { kind: 'Pod', metadata: { name: 'a', resourceVersion: '101' } },
  });
});

test('a bookmark frame carries kind, revision and the end of the initial events', () => {
  const frame = frameOf({ type: 'BOOKMARK', revision: 7, initialEventsEnd: true }, POD);
  expect(JSON.parse(frame.toString())).toEqual({
    type: 'BOOKMARK',
    object: {
      kind: 'Pod',
      apiVersion: 'v1',
      metadata: {
        resourceVersion: '7',
        creationTimestamp: null,
        annotations: { 'k8s.io/initial-events-end': 'true' },
      },
    },
  });
});

test('many changes of one turn come as one batch', async () => {
  const { cache, write } = setUp();
  const reader = read(cache);
  await settle();
  for (let i = 0; i < 5; i++) write(`ns/p${i}`, {});
  await settle();
  expect(reader.batches.map((batch) => batch.length)).toEqual([5]);
});

test('the present state comes first, then its end, then what follows', async () => {
  const { cache, write } = setUp();
  write('ns/b', {});
  write('ns/a', {});
  const reader = read(cache, {}, { sendInitialEvents: true, markInitialEnd: true });
  write('ns/c', {});
  await settle();
  write('ns/a', undefined);
  await settle();
  expect(reader.lines).toEqual([
    'ADDED a 102',
    'ADDED b 101',
    'BOOKMARK 102 end',
    'ADDED c 103',
    'DELETED a 104',
  ]);
});

test('a watch resumes from the window and expires behind it', async () => {
  const { cache, write } = setUp({ windowEventsMax: 3 });
  for (let i = 1; i <= 5; i++) write(`ns/p${i}`, {});
  const reader = read(cache, {}, { afterRevision: 102 });
  await settle();
  expect(reader.lines).toEqual(['ADDED p3 103', 'ADDED p4 104', 'ADDED p5 105']);
  const late = read(cache, {}, { afterRevision: 101 });
  await expect(late.done).rejects.toThrow('too old resource version: 101 (102)');
  await expect(late.done).rejects.toMatchObject({ reason: 'Expired' });
});

test('the window is bounded in bytes, too', async () => {
  const { cache, write } = setUp({ windowBytesMax: 300 });
  for (let i = 1; i <= 5; i++) write(`ns/p${i}`, {});
  await expect(read(cache, {}, { afterRevision: 101 }).done).rejects.toBeInstanceOf(StatusError);
  const reader = read(cache, {}, { afterRevision: 104 });
  await settle();
  expect(reader.lines).toEqual(['ADDED p5 105']);
});

test('a revision from the future hides what lies before it', async () => {
  const { cache, write } = setUp();
  const reader = read(cache, {}, { afterRevision: 102 });
  await settle();
  for (let i = 1; i <= 4; i++) write(`ns/p${i}`, {});
  await settle();
  expect(reader.lines).toEqual(['ADDED p3 103', 'ADDED p4 104']);
});

test('a slow reader is cut off with Expired', async () => {
  const { cache, write } = setUp();
  const aborter = new AbortController();
  const events = cache.watch({}, {}, aborter.signal)[Symbol.asyncIterator]();
  const first = events.next();
  write('ns/a', {});
  expect((await first).value).toHaveLength(1);
  for (let i = 0; i < 11; i++) write(`ns/p${i}`, {});
  await expect(events.next()).rejects.toMatchObject({ reason: 'Expired' });
  expect(cache.watcherCount).toBe(0);
});

test('an index spares watchers of other values, and lists only what has the value', async () => {
  const { cache, write } = setUp();
  let asked = 0;
  const onNode = (node: string): WatchFilter => ({
    hint: { index: 'spec.nodeName', value: node },
    matches: ({ object }) => {
      asked++;
      return (object as { spec?: { nodeName?: string } }).spec?.nodeName === node;
    },
  });
  const others = Array.from({ length: 50 }, (_, i) => read(cache, onNode(`other-${i}`)));
  const mine = read(cache, onNode('mine'));
  await settle();
  write('ns/a', {});
  expect(asked).toBe(0);
  write('ns/a', { node: 'mine' });
  write('ns/b', { node: 'mine' });
  expect(cache.list(onNode('mine')).items.map(({ revision }) => revision)).toEqual([102, 103]);
  write('ns/a', { node: 'other-1' });
  write('ns/b', undefined);
  await settle();
  expect(mine.lines).toEqual(['ADDED a 102', 'ADDED b 103', 'DELETED a 104', 'DELETED b 105']);
  expect(others[1]!.lines).toEqual(['ADDED a 104']);
  expect(others[2]!.lines).toEqual([]);
});

test('a watch of one name is told of no other', async () => {
  const { cache, write } = setUp();
  const filter = { namespace: 'ns', hint: { index: 'key', value: 'ns/a' } };
  const reader = read(cache, filter, { sendInitialEvents: true });
  await settle();
  write('ns/a', {});
  write('ns/b', {});
  write('ns/a', undefined);
  await settle();
  expect(reader.lines).toEqual(['ADDED a 101', 'DELETED a 103']);
});

test('a namespace hides the others, also those whose name begins alike', async () => {
  const { cache, write } = setUp();
  const reader = read(cache, { namespace: 'ns' });
  await settle();
  write('ns/a', {});
  write('ns-2/b', {});
  await settle();
  expect(reader.lines).toEqual(['ADDED a 101']);
  expect(cache.list({ namespace: 'ns' }).items).toHaveLength(1);
  expect(cache.list({}).items).toHaveLength(2);
});

test('bookmarks come about every minute and before the end, and the end is quiet', async () => {
  const { cache, clock, write } = setUp();
  const reader = read(cache, {}, { allowBookmarks: true, timeoutMs: 90_000 });
  await settle();
  write('ns/a', {});
  await clock.advance(60_000);
  write('ns/b', {});
  await clock.advance(30_000);
  await reader.done;
  expect(reader.lines).toEqual(['ADDED a 101', 'BOOKMARK 101', 'ADDED b 102', 'BOOKMARK 102']);
  expect(clock.pending).toBe(0);
  expect(cache.watcherCount).toBe(0);
});

test('an aborted watch ends quietly and leaves nothing behind', async () => {
  const { cache, clock } = setUp();
  const reader = read(cache, {}, { allowBookmarks: true });
  await settle();
  expect(cache.watcherCount).toBe(1);
  reader.abort();
  await reader.done;
  expect(cache.watcherCount).toBe(0);
  expect(clock.pending).toBe(0);
});

test('a page says where it ended and how many are left', () => {
  const { cache, write } = setUp();
  for (const name of ['d', 'b', 'a', 'c']) write(`ns/${name}`, { app: name === 'a' ? 'x' : 'y' });
  const page = cache.list({}, { limit: 2 });
  expect(page.items.map(({ object }) => object.metadata.name)).toEqual(['a', 'b']);
  expect(page).toMatchObject({ revision: 104, next: 'ns/b', remaining: 2 });
  const some = cache.list(ofApp('y'), { limit: 2 });
  expect(some.items.map(({ object }) => object.metadata.name)).toEqual(['b', 'c']);
  expect(some).toMatchObject({ next: 'ns/c', remaining: undefined });
  expect(cache.list(ofApp('y'), { limit: 3 }).next).toBeUndefined();
});

test('a selector that fails ends its own watch only', async () => {
  const { cache, write } = setUp();
  const failing = read(cache, {
    matches: () => {
      throw new Error('a bad selector');
    },
  });
  const other = read(cache);
  await settle();
  write('ns/a', {});
  await expect(failing.done).rejects.toThrow('a bad selector');
  expect(other.lines).toEqual(['ADDED a 101']);
});

test('lost history sends every reader back to the list', async () => {
  const { cache } = setUp();
  const reader = read(cache);
  await settle();
  cache.reset(200);
  await expect(reader.done).rejects.toMatchObject({ reason: 'Expired' });
  await expect(read(cache, {}, { afterRevision: 150 }).done).rejects.toThrow('(200)');
});
