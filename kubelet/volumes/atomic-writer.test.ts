import { mkdtemp, readdir, readFile, readlink, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { writeAtomically } from './atomic-writer.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wherry-volume-'));
});
afterEach(() => rm(folder, { recursive: true }));

const payload = (files: Record<string, string>) =>
  new Map(
    Object.entries(files).map(([path, text]) => [
      path,
      { content: Buffer.from(text), mode: 0o640 },
    ]),
  );
const names = async () => (await readdir(folder)).filter((name) => !name.startsWith('..'));

test('files are there by their names, with their modes', async () => {
  await writeAtomically(folder, payload({ a: '1', 'sub/b': '2' }), { version: 'v1' });
  expect(await readFile(join(folder, 'a'), 'utf8')).toBe('1');
  expect(await readFile(join(folder, 'sub/b'), 'utf8')).toBe('2');
  expect((await stat(join(folder, 'a'))).mode & 0o777).toBe(0o640);
});

test('a change swaps one link, and leaves nothing old behind', async () => {
  await writeAtomically(folder, payload({ a: '1', gone: 'x' }), { version: 'v1' });
  await writeAtomically(folder, payload({ a: '2', added: 'y' }), { version: 'v2' });
  expect(await readlink(join(folder, '..data'))).toBe('..v2');
  expect(await readFile(join(folder, 'a'), 'utf8')).toBe('2');
  expect((await names()).toSorted()).toEqual(['a', 'added']);
  expect((await readdir(folder)).includes('..v1')).toBe(false);
});

test('what is right already is not touched', async () => {
  await writeAtomically(folder, payload({ a: '1', 'sub/b': '2' }), { version: 'v1' });
  await writeAtomically(folder, payload({ a: '1', 'sub/b': '2' }), { version: 'v2' });
  expect(await readlink(join(folder, '..data'))).toBe('..v1');
});

test('an empty volume is an empty folder', async () => {
  await writeAtomically(folder, payload({ a: '1' }), { version: 'v1' });
  await writeAtomically(folder, payload({}), { version: 'v2' });
  expect(await names()).toEqual([]);
});
