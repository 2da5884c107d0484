import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openEmbeddedStore } from './embedded.ts';
import { FORMAT } from './folder.ts';
import { StoreUnavailableError } from './store.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wherry-embedded-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const KEY = '/registry/core/pods/ns/a';
const VALUE = Buffer.from('{}');

const refusal = async (): Promise<string> => {
  const error = await openEmbeddedStore(folder).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(StoreUnavailableError);
  return (error as Error).message;
};

test('a folder belongs to one store at a time', async () => {
  const store = await openEmbeddedStore(folder);
  expect(await refusal()).toBe(`the data folder ${folder} is in use by process ${process.pid}`);
  await store.close();
  const again = await openEmbeddedStore(folder);
  await again.close();
});

test('a folder whose owner was killed can be opened', async () => {
  const store = await openEmbeddedStore(folder);
  await store.put(KEY, VALUE);
  await store.close();
  // A process id that was given out again, to one that started at another time.
  await writeFile(join(folder, 'owner'), `${process.pid} 1 another-boot`);
  const again = await openEmbeddedStore(folder);
  expect(await again.get(KEY)).toBeDefined();
  await again.close();
});

test('only one of many who open at once gets a folder with a stale owner', async () => {
  await writeFile(join(folder, 'owner'), '999999999 1 x');
  const results = await Promise.allSettled([1, 2, 3].map(() => openEmbeddedStore(folder)));
  const opened = results.filter((result) => result.status === 'fulfilled');
  expect(opened).toHaveLength(1);
  await opened[0]!.value.close();
});

test('two writers in one folder, should it come to that, do not overwrite each other', async () => {
  const first = await openEmbeddedStore(folder);
  await first.put(KEY, VALUE);
  await rm(join(folder, 'owner'));
  const second = await openEmbeddedStore(folder);
  await second.put(`${KEY}2`, VALUE);
  await expect(first.put(`${KEY}1`, VALUE)).rejects.toThrow('another process writes to the same');
  await expect(first.put(`${KEY}1`, VALUE)).rejects.toThrow('the store must be opened again');
  expect(await first.get(KEY)).toBeDefined();
  await second.put(KEY, VALUE);
  expect((await second.list('/registry/')).entries).toHaveLength(2);
  await first.close();
  await second.close();
});

test('data of a newer version is refused clearly and left alone', async () => {
  await (await openEmbeddedStore(folder)).close();
  expect(await readFile(join(folder, 'format'), 'utf8')).toBe(`${FORMAT}\n`);
  await writeFile(join(folder, 'format'), `${FORMAT + 1}\n`);
  const newer = FORMAT + 1;
  expect(await refusal()).toContain(`has format ${newer}, and this version reads up to ${FORMAT}`);
  await writeFile(join(folder, 'format'), 'garbage');
  expect(await refusal()).toContain('does not hold a format number');
});

test('damaged data is refused clearly', async () => {
  const store = await openEmbeddedStore(folder);
  for (let i = 0; i < 100; i++) await store.put(`${KEY}${i}`, Buffer.alloc(3000));
  await store.close();
  await writeFile(join(folder, 'data.mdb'), Buffer.alloc(100_000, 'no database'));
  expect(await refusal()).toContain(`${folder}/data.mdb is damaged`);
  // The lock went with the refusal: it is not a second thing to mend.
  await truncate(join(folder, 'data.mdb'), 0);
  await (await openEmbeddedStore(folder)).close();
});

test('a path that cannot be a folder is refused clearly', async () => {
  await rm(folder, { recursive: true });
  await writeFile(folder, 'a file');
  expect(await refusal()).toContain(`cannot open the data folder ${folder}`);
});

test('readers see nothing of a write before it is acknowledged', async () => {
  const store = await openEmbeddedStore(folder);
  const aborter = new AbortController();
  const start = await store.progress();
  let isAcknowledged = false;
  const watching = (async () => {
    for await (const _ of store.watch('/registry/', start, aborter.signal)) {
      expect(await store.get(KEY)).toBeDefined();
      return;
    }
  })();
  const writing = store.put(KEY, VALUE).then((result) => {
    isAcknowledged = true;
    return result;
  });
  while (!isAcknowledged) {
    const entry = await store.get(KEY);
    const { revision } = await store.list('/registry/');
    expect(entry === undefined).toBe(revision === start);
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(await writing).toEqual({ ok: true, revision: start + 1 });
  await watching;
  aborter.abort();
  await store.close();
});

test('writes that wait when it closes are still written', async () => {
  const store = await openEmbeddedStore(folder);
  const writes = Array.from({ length: 50 }, (_, i) => store.put(`${KEY}${i}`, VALUE));
  await store.close();
  expect((await Promise.all(writes)).every(({ ok }) => ok)).toBe(true);
  await expect(store.put(KEY, VALUE)).rejects.toThrow('the store is closed');
  const again = await openEmbeddedStore(folder);
  expect((await again.list('/registry/')).entries).toHaveLength(50);
  await again.close();
});
