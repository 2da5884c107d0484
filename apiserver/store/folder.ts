// The data folder of the embedded store: who holds it, and which format its data has.
// Another process in the same folder would give revisions out twice, so it is kept out.

import { link, mkdir, open, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { StoreUnavailableError } from './store.ts';

/** Raise it when older versions could misread what this one writes. */
export const FORMAT = 1;

const FORMAT_FILE = 'format';
const OWNER_FILE = 'owner';
const DATA_FILE = 'data.mdb';

/** What LMDB writes at the head of its first two pages. Opening anything else may crash it. */
const LMDB_MAGIC = 0xbeefc0de;
const LMDB_MAGIC_AT = 24;
const LMDB_PAGE_SIZE_AT = 48;
const LMDB_PAGE_BYTES_MAX = 65_536;

export interface Folder {
  readonly path: string;
  release(): Promise<void>;
}

export async function openFolder(path: string): Promise<Folder> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
    const owner = await ownName();
    await claim(path, owner);
    try {
      await checkFormat(path);
      await checkData(join(path, DATA_FILE));
    } catch (error) {
      await rm(join(path, OWNER_FILE), { force: true });
      throw error;
    }
    return { path, release: () => rm(join(path, OWNER_FILE), { force: true }) };
  } catch (error) {
    if (error instanceof StoreUnavailableError) throw error;
    throw new StoreUnavailableError(`cannot open the data folder ${path}: ${textOf(error)}`, {
      cause: error,
    });
  }
}

async function checkFormat(path: string): Promise<void> {
  const file = join(path, FORMAT_FILE);
  const text = await readFile(file, 'utf8').catch(undefinedIfMissing);
  if (text === undefined) {
    await writeFile(`${file}.new`, `${FORMAT}\n`, { flush: true });
    return rename(`${file}.new`, file);
  }
  const format = Number(text);
  if (!Number.isInteger(format) || format < 1) {
    throw new StoreUnavailableError(`${file} does not hold a format number: the folder is damaged`);
  }
  if (format > FORMAT) {
    throw new StoreUnavailableError(
      `the data in ${path} has format ${format}, and this version reads up to ${FORMAT}: ` +
        'start the newer version that wrote it',
    );
  }
}

async function checkData(file: string): Promise<void> {
  const handle = await open(file).catch(undefinedIfMissing);
  if (handle === undefined) return;
  try {
    const { bytesRead, buffer } = await handle.read({ buffer: Buffer.alloc(64), position: 0 });
    if (bytesRead === 0) return;
    const pageBytes = buffer.readUInt32LE(LMDB_PAGE_SIZE_AT);
    const second = Buffer.alloc(4);
    if (pageBytes <= LMDB_PAGE_BYTES_MAX) {
      await handle.read({ buffer: second, position: pageBytes + LMDB_MAGIC_AT });
    }
    const isSound = [buffer.readUInt32LE(LMDB_MAGIC_AT), second.readUInt32LE()].every(
      (magic) => magic === LMDB_MAGIC,
    );
    if (isSound) return;
  } finally {
    await handle.close();
  }
  throw new StoreUnavailableError(`${file} is damaged: it is not a database of this store`);
}

/** The owner file appears whole or not at all (link is atomic), so a reader never sees half. */
async function claim(path: string, owner: string): Promise<void> {
  const file = join(path, OWNER_FILE);
  const draft = `${file}.${process.pid}`;
  await writeFile(draft, owner);
  try {
    if (await linked(draft, file)) return;
    const holder = (await readFile(file, 'utf8').catch(undefinedIfMissing)) ?? '';
    if (holder !== '' && (await isAlive(holder))) {
      throw new StoreUnavailableError(
        `the data folder ${path} is in use by process ${holder.split(' ')[0]}`,
      );
    }
    await removeStale(file, holder);
    if (!(await linked(draft, file))) {
      throw new StoreUnavailableError(`the data folder ${path} was taken by another process`);
    }
  } finally {
    await rm(draft, { force: true });
  }
}

/** Two processes may both judge the same file stale: only the one that moves it goes on. */
async function removeStale(file: string, holder: string): Promise<void> {
  const aside = `${file}.stale.${process.pid}`;
  await rename(file, aside).catch(undefinedIfMissing);
  const moved = await readFile(aside, 'utf8').catch(undefinedIfMissing);
  if (moved !== undefined && moved !== holder) await linked(aside, file);
  await rm(aside, { force: true });
}

const linked = (from: string, to: string): Promise<boolean> =>
  link(from, to).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'EEXIST') return false;
      throw error;
    },
  );

/** Process id, its start time and the boot: together never used twice. */
async function ownName(): Promise<string> {
  return `${process.pid} ${(await startOf(process.pid)) ?? '0'}`;
}

async function isAlive(holder: string): Promise<boolean> {
  const [pid, ...start] = holder.split(' ');
  return (await startOf(Number(pid))) === start.join(' ');
}

async function startOf(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'latin1').catch(undefinedIfMissing);
  if (stat === undefined) return undefined;
  const boot = await readFile('/proc/sys/kernel/random/boot_id', 'latin1').catch(() => '');
  // The name in parentheses may hold spaces; the start time is the 20th field behind it.
  const [state, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  if (state === 'Z' && !(await hasThreads(pid))) return undefined;
  const ticks = fields[18] ?? '';
  return `${ticks} ${boot.trim()}`.trim();
}

/** A killed process may still have a thread in the middle of a disk write: that one counts. */
async function hasThreads(pid: number): Promise<boolean> {
  const threads = await readdir(`/proc/${pid}/task`).catch(undefinedIfMissing);
  return threads !== undefined && threads.length > 1;
}

function undefinedIfMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code === 'ENOENT' || error.code === 'ESRCH') return undefined;
  throw error;
}

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
