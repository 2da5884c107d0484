// What every store promises. Run against each implementation by store.test.ts.

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  CompactedError,
  type Store,
  type StoreEvent,
  type StoreKey,
} from '../../apiserver/store/store.ts';

export interface OpenedStore {
  readonly store: Store;
  /** Closes it and opens what it left behind. Only of durable stores. */
  reopen?(): Promise<Store>;
  dispose(): Promise<void>;
}

const ANY = '/registry/';
const PODS = '/registry/core/pods/default/';

export const bytes = (text: string): Uint8Array => Buffer.from(text);
export const text = (value: Uint8Array | undefined): string | undefined =>
  value === undefined ? undefined : Buffer.from(value).toString();

export function storeContract(
  name: string,
  open: () => Promise<OpenedStore>,
  { isDurable }: { readonly isDurable: boolean },
): void {
  describe(`store contract: ${name}`, () => {
    let opened: OpenedStore;
    let store: Store;
    beforeEach(async () => {
      opened = await open();
      store = opened.store;
    });
    afterEach(() => opened.dispose());

    const put = async (key: StoreKey, value: string, expectedRevision?: number) => {
      const options = expectedRevision === undefined ? {} : { expectedRevision };
      const result = await store.put(key, bytes(value), options);
      if (!result.ok) throw new Error(`put ${key} was refused`);
      return result.revision;
    };
    const remove = async (key: StoreKey) => {
      const result = await store.delete(key);
      if (!result.ok) throw new Error(`delete ${key} was refused`);
      return result.revision;
    };

    test('a new store is empty and stands at a positive revision', async () => {
      const range = await store.list(ANY);
      expect(range.entries).toEqual([]);
      expect(range.remaining).toBe(0);
      expect(range.revision).toBeGreaterThan(0);
      expect(await store.get(`${PODS}a`)).toBeUndefined();
    });

    test('every write takes the next revision, and get answers the last one', async () => {
      const start = await store.progress();
      expect(await put(`${PODS}a`, '1')).toBe(start + 1);
      expect(await put(`${PODS}b`, '2')).toBe(start + 2);
      expect(await put(`${PODS}a`, '3')).toBe(start + 3);
      expect(await remove(`${PODS}b`)).toBe(start + 4);
      const entry = await store.get(`${PODS}a`);
      expect({ ...entry, value: text(entry?.value) }).toEqual({
        key: `${PODS}a`,
        value: '3',
        revision: start + 3,
      });
      expect(await store.get(`${PODS}b`)).toBeUndefined();
      expect(await store.progress()).toBe(start + 4);
    });

    test('expectedRevision 0 creates, and refuses with what is there', async () => {
      const revision = await put(`${PODS}a`, 'first', 0);
      const refused = await store.put(`${PODS}a`, bytes('second'), { expectedRevision: 0 });
      expect(refused).toMatchObject({ ok: false, current: { key: `${PODS}a`, revision } });
      if (!refused.ok) expect(text(refused.current?.value)).toBe('first');
      await remove(`${PODS}a`);
      await put(`${PODS}a`, 'third', 0);
    });

    test('a stale expectedRevision is refused and changes nothing', async () => {
      const old = await put(`${PODS}a`, '1');
      const revision = await put(`${PODS}a`, '2', old);
      const before = await store.progress();
      const stalePut = await store.put(`${PODS}a`, bytes('3'), { expectedRevision: old });
      expect(stalePut).toMatchObject({ ok: false, current: { revision } });
      const staleDelete = await store.delete(`${PODS}a`, { expectedRevision: old });
      expect(staleDelete).toMatchObject({ ok: false, current: { revision } });
      expect(text((await store.get(`${PODS}a`))?.value)).toBe('2');
      expect(await store.progress()).toBe(before);
      expect(await store.delete(`${PODS}a`, { expectedRevision: revision })).toEqual({
        ok: true,
        revision: before + 1,
      });
    });

    test('an update of a missing key is refused with nothing there', async () => {
      const refused = await store.put(`${PODS}a`, bytes('1'), { expectedRevision: 7 });
      expect(refused).toEqual({ ok: false, current: undefined });
    });

    test('deleting a missing key is refused and takes no revision', async () => {
      const before = await store.progress();
      expect(await store.delete(`${PODS}a`)).toEqual({ ok: false, current: undefined });
      const expecting = await store.delete(`${PODS}a`, { expectedRevision: 3 });
      expect(expecting).toEqual({ ok: false, current: undefined });
      expect(await store.progress()).toBe(before);
    });

    test('list answers the prefix in key order with page ends and remaining counts', async () => {
      for (const name of ['d', 'b', 'a', 'c', 'e']) await put(PODS + name, name);
      await put('/registry/core/pods/other/x', 'x');
      await put('/registry/core/nodes/n', 'n');
      const all = await store.list(PODS);
      expect(all.entries.map((entry) => text(entry.value))).toEqual(['a', 'b', 'c', 'd', 'e']);
      expect(all.remaining).toBe(0);
      const first = await store.list(PODS, { limit: 2 });
      expect(first.entries.map(({ key }) => key)).toEqual([`${PODS}a`, `${PODS}b`]);
      expect(first.remaining).toBe(3);
      const second = await store.list(PODS, { limit: 3, after: `${PODS}b` });
      expect(second.entries.map(({ key }) => key)).toEqual(['c', 'd', 'e'].map((it) => PODS + it));
      expect(second.remaining).toBe(0);
      const counted = await store.list(PODS, { limit: 5 });
      expect(counted.remaining).toBe(0);
    });

    test('pages of an old revision do not see later writes', async () => {
      for (const name of ['a', 'b', 'c']) await put(PODS + name, 'old');
      const first = await store.list(PODS, { limit: 1 });
      await put(`${PODS}b`, 'new');
      await remove(`${PODS}c`);
      await put(`${PODS}bb`, 'new');
      const rest = await store.list(PODS, { after: `${PODS}a`, revision: first.revision });
      expect(rest.revision).toBe(first.revision);
      expect(rest.entries.map(({ key, value }) => [key, text(value)])).toEqual([
        [`${PODS}b`, 'old'],
        [`${PODS}c`, 'old'],
      ]);
      const now = await store.list(PODS);
      expect(now.entries.map(({ key }) => key)).toEqual(['a', 'b', 'bb'].map((it) => PODS + it));
    });

    test('a watch from the past tells exactly the history of its prefix', async () => {
      const start = await store.progress();
      const a1 = await put(`${PODS}a`, '1');
      await put('/registry/core/nodes/n', 'n');
      const a2 = await put(`${PODS}a`, '2');
      const gone = await remove(`${PODS}a`);
      const a3 = await put(`${PODS}a`, '3');
      const expected = [
        `create ${PODS}a 1 @${a1}`,
        `update ${PODS}a 2 @${a2}`,
        `delete ${PODS}a @${gone}`,
        `create ${PODS}a 3 @${a3}`,
      ];
      expect(await take(store, PODS, start, 4)).toEqual(expected);
      expect(await take(store, PODS, a1, 3)).toEqual(expected.slice(1));
    });

    test('a live watch sees writes as they come, and only once', async () => {
      const seen = take(store, ANY, await store.progress(), 50);
      const revisions: number[] = [];
      for (let i = 0; i < 50; i++) revisions.push(await put(`${PODS}p${i % 7}`, String(i)));
      const lines = await seen;
      expect(lines.map((line) => Number(line.split('@')[1]))).toEqual(revisions);
    });

    test('an aborted watch ends without an error', async () => {
      const aborter = new AbortController();
      const events: string[] = [];
      const start = await store.progress();
      const done = (async () => {
        for await (const batch of store.watch(ANY, start, aborter.signal)) {
          events.push(...batch.map(lineOf));
          aborter.abort();
        }
      })();
      await put(`${PODS}a`, '1');
      await done;
      expect(events).toHaveLength(1);
      const early = AbortSignal.abort();
      for await (const _ of store.watch(ANY, 1, early)) throw new Error('must not answer');
    });

    test('an idle watch ends when aborted', async () => {
      const aborter = new AbortController();
      const done = (async () => {
        for await (const _ of store.watch(
          '/registry/none/',
          await store.progress(),
          aborter.signal,
        ));
      })();
      await put(`${PODS}a`, '1');
      aborter.abort();
      await done;
    });

    test('compaction forgets the past and keeps the present', async () => {
      const start = await store.progress();
      await put(`${PODS}a`, '1');
      await put(`${PODS}b`, '1');
      await remove(`${PODS}b`);
      const middle = await put(`${PODS}a`, '2');
      const last = await put(`${PODS}c`, '1');
      await store.compact(middle);
      await expect(store.list(PODS, { revision: middle - 1 })).rejects.toThrow(CompactedError);
      await expect(take(store, PODS, start, 1)).rejects.toThrow(CompactedError);
      expect(await take(store, PODS, middle, 1)).toEqual([`create ${PODS}c 1 @${last}`]);
      const then = await store.list(PODS, { revision: middle });
      expect(then.entries.map(({ key, value }) => [key, text(value)])).toEqual([[`${PODS}a`, '2']]);
      const now = await store.list(PODS);
      expect(now.entries.map(({ key }) => key)).toEqual([`${PODS}a`, `${PODS}c`]);
      expect(await put(`${PODS}b`, 'again', 0)).toBe(last + 1);
    });

    test('compacting twice or backwards is harmless', async () => {
      for (let i = 0; i < 5; i++) await put(`${PODS}a`, String(i));
      const now = await store.progress();
      await store.compact(now);
      await store.compact(now);
      await store.compact(now - 2);
      expect(text((await store.get(`${PODS}a`))?.value)).toBe('4');
      await expect(store.list(PODS, { revision: now - 1 })).rejects.toThrow(CompactedError);
    });

    test('of concurrent writers exactly one wins each round', async () => {
      let revision = await put(`${PODS}a`, 'start');
      for (let round = 0; round < 10; round++) {
        const results = await Promise.all(
          Array.from({ length: 20 }, (_, writer) =>
            store.put(`${PODS}a`, bytes(`${round}/${writer}`), { expectedRevision: revision }),
          ),
        );
        const winners = results.filter((result) => result.ok);
        expect(winners).toHaveLength(1);
        revision = winners[0]!.revision;
        for (const loser of results) {
          if (!loser.ok) expect(loser.current?.revision).toBe(revision);
        }
      }
      expect((await store.get(`${PODS}a`))?.revision).toBe(revision);
    });

    test('many watchers from different revisions all see the same history', async () => {
      const start = await store.progress();
      const starts = Array.from({ length: 30 }, (_, i) => start + (i % 10));
      const writes = (async () => {
        for (let i = 0; i < 40; i++) await put(`${PODS}p${i}`, String(i));
      })();
      const histories = await Promise.all(
        starts.map((after) => take(store, ANY, after, 40 - (after - start))),
      );
      await writes;
      const full = histories[0]!;
      for (const [i, history] of histories.entries()) {
        expect(history).toEqual(full.slice(starts[i]! - start));
      }
    });

    test('values are bytes, up to 1.5 MB', async () => {
      const large = Buffer.alloc(1_400_000, 'wherry');
      large[17] = 0;
      large[18] = 255;
      const revision = await put(`${PODS}small`, 'x');
      expect((await store.put(`${PODS}large`, large)).ok).toBe(true);
      const entry = await store.get(`${PODS}large`);
      expect(Buffer.compare(Buffer.from(entry!.value), large)).toBe(0);
      const range = await store.list(PODS, { limit: 1 });
      expect(range.entries[0]!.value.length).toBe(large.length);
      const aborter = new AbortController();
      for await (const [event] of store.watch(PODS, revision, aborter.signal)) {
        expect(event?.type === 'put' && event.entry.value.length).toBe(large.length);
        aborter.abort();
      }
    });

    test('progress is never older than an acknowledged write', async () => {
      for (let i = 0; i < 20; i++) {
        const revision = await put(`${PODS}p${i}`, String(i));
        expect(await store.progress()).toBeGreaterThanOrEqual(revision);
      }
    });

    (isDurable ? test : ignored)('what was acknowledged is there after a restart', async () => {
      const reopen = opened.reopen!;
      const start = await store.progress();
      await put(`${PODS}a`, '1');
      await put(`${PODS}a`, '2');
      await put(`${PODS}b`, '1');
      const revision = await remove(`${PODS}b`);
      store = await reopen();
      expect(await store.progress()).toBe(revision);
      const range = await store.list(ANY);
      expect(range.entries.map(({ key, value }) => [key, text(value)])).toEqual([
        [`${PODS}a`, '2'],
      ]);
      expect(await take(store, ANY, start, 4)).toHaveLength(4);
      expect(await put(`${PODS}b`, '2', 0)).toBe(revision + 1);
      await store.compact(revision);
      store = await reopen();
      await expect(take(store, ANY, start, 1)).rejects.toThrow(CompactedError);
      expect(await store.progress()).toBe(revision + 1);
    });

    test('a closed store refuses', async () => {
      await store.close();
      await expect(store.put(`${PODS}a`, bytes('1'))).rejects.toThrow();
      await expect(store.get(`${PODS}a`)).rejects.toThrow();
      await expect(store.list(ANY)).rejects.toThrow();
    });
  });
}

/** Not even counted as skipped: the promise is not made. */
const ignored = (_name: string, _body: () => Promise<void>): void => {};

export function lineOf(event: StoreEvent): string {
  if (event.type === 'delete') return `delete ${event.key} @${event.revision}`;
  const { key, value, revision } = event.entry;
  return `${event.isCreate ? 'create' : 'update'} ${key} ${text(value)} @${revision}`;
}

/** The first events after the revision, as lines. */
export async function take(
  store: Store,
  prefix: StoreKey,
  afterRevision: number,
  count: number,
): Promise<readonly string[]> {
  const lines: string[] = [];
  if (count === 0) return lines;
  const aborter = new AbortController();
  for await (const batch of store.watch(prefix, afterRevision, aborter.signal)) {
    lines.push(...batch.map(lineOf));
    if (lines.length >= count) break;
  }
  aborter.abort();
  return lines;
}
