import { expect, test } from 'vitest';
import { conflict } from '../../machinery/errors.ts';
import type { ConfigMap } from '../../proto/generated/core.v1.ts';
import { CONFIG_MAPS } from '../../proto/generated/resources.ts';
import { startInProcessApi } from '../../test/in-process-api.ts';
import { MemoryStore } from '../store/memory.ts';
import { type Store, StoreUnavailableError } from '../store/store.ts';
import type { WatchCache } from '../watch/cache.ts';
import { changeObject, type Stores } from './change.ts';
import { encodedOfEntry, encodeObject, privateCopy } from './encode.ts';
import type { Encoded } from './registry.ts';

const KEY = '/registry/core/configmaps/default/a';
const target = { resource: CONFIG_MAPS, namespace: 'default', name: 'a', dryRun: false };
const map = (data: Record<string, string>): ConfigMap => ({
  kind: 'ConfigMap',
  apiVersion: 'v1',
  metadata: { namespace: 'default', name: 'a' },
  data,
});

/** A store with one object, and a cache that shows what a test wants it to show. */
async function stores(cached?: Encoded): Promise<Stores> {
  const store = new MemoryStore();
  await store.put(KEY, encodeObject(map({ n: '1' })));
  const cacheOf = () => ({ get: () => cached }) as unknown as WatchCache;
  return { store, hub: { cacheOf, waitFor: async () => {} } };
}

const stored = async ({ store }: Stores): Promise<Encoded> =>
  encodedOfEntry((await store.get(KEY))!);
const dataOf = (item: Encoded) => (item.object as ConfigMap).data;

function put(current: Encoded, data: Record<string, string>) {
  const object = privateCopy(current) as ConfigMap;
  object.data = data;
  return { type: 'put', object } as const;
}

test('what the cache has not heard of yet is read from the store', async () => {
  const at = await stores();
  const { item } = await changeObject(at, target, (current) => put(current, { n: '2' }));
  expect(dataOf(item)).toEqual({ n: '2' });
  expect(dataOf(await stored(at))).toEqual({ n: '2' });
});

test('a write that rests on a stale cache starts over from what is stored', async () => {
  const first = await stores();
  const stale = await stored(first);
  await first.store.put(KEY, encodeObject(map({ n: '5' })));
  const hub = { ...first.hub, cacheOf: () => ({ get: () => stale }) as unknown as WatchCache };
  const seen: unknown[] = [];
  const { item } = await changeObject({ ...first, hub }, target, (current) => {
    seen.push(dataOf(current));
    return put(current, { n: '6' });
  });
  expect(seen).toEqual([{ n: '1' }, { n: '5' }]);
  expect(dataOf(item)).toEqual({ n: '6' });
});

test('a refusal that rests on a stale cache is thought over, once', async () => {
  const first = await stores();
  const stale = await stored(first);
  await first.store.put(KEY, encodeObject(map({ n: '5' })));
  const hub = { ...first.hub, cacheOf: () => ({ get: () => stale }) as unknown as WatchCache };
  let asked = 0;
  const { item } = await changeObject({ ...first, hub }, target, (current) => {
    asked++;
    if (dataOf(current)?.n !== '5') throw conflict(CONFIG_MAPS, 'a');
    return { type: 'keep' };
  });
  expect(asked).toBe(2);
  expect(dataOf(item)).toEqual({ n: '5' });
  const refused = changeObject({ ...first, hub }, target, () => {
    throw conflict(CONFIG_MAPS, 'a', 'never');
  });
  await expect(refused).rejects.toMatchObject({ reason: 'Conflict' });
});

test('what is gone from the store is not found, whatever the cache shows', async () => {
  const first = await stores();
  const stale = await stored(first);
  await first.store.delete(KEY);
  const hub = { ...first.hub, cacheOf: () => ({ get: () => stale }) as unknown as WatchCache };
  const change = changeObject({ ...first, hub }, target, (current) => put(current, { n: '2' }));
  await expect(change).rejects.toMatchObject({ reason: 'NotFound' });
});

test('a race that never ends is given up', async () => {
  const at = await stores();
  let round = 0;
  const change = changeObject(at, target, async (current) => {
    await at.store.put(KEY, encodeObject(map({ round: String(round++) })));
    return put(current, { n: '2' });
  });
  await expect(change).rejects.toMatchObject({ reason: 'Conflict' });
  expect(round).toBeGreaterThan(5);
});

test('a store out of reach is for the client to try again', async () => {
  const working = new MemoryStore();
  let isBroken = false;
  const refuse = () => Promise.reject(new StoreUnavailableError('no quorum'));
  const store: Store = {
    get: (key) => (isBroken ? refuse() : working.get(key)),
    list: (prefix, options) => working.list(prefix, options),
    put: (key, value, options) => (isBroken ? refuse() : working.put(key, value, options)),
    delete: (key, options) => working.delete(key, options),
    watch: (prefix, after, signal) => working.watch(prefix, after, signal),
    compact: (revision) => working.compact(revision),
    progress: () => (isBroken ? refuse() : working.progress()),
    close: () => working.close(),
  };
  const { transport, close } = await startInProcessApi({ store });
  isBroken = true;
  const wanted = { reason: 'ServiceUnavailable', message: 'no quorum' };
  await expect(transport.create(CONFIG_MAPS, map({}))).rejects.toMatchObject(wanted);
  await expect(transport.list(CONFIG_MAPS, {})).rejects.toMatchObject(wanted);
  const watch = transport.watch(CONFIG_MAPS, {}, new AbortController().signal);
  await expect(watch[Symbol.asyncIterator]().next()).rejects.toMatchObject(wanted);
  isBroken = false;
  await transport.create(CONFIG_MAPS, map({}));
  await close();
});
