// Writes a set of files so that a reader sees all of the old ones or all of the new ones:
//
//   volume/..2026_11_20_18_12.x7k2p/  the files           volume/key ─► ..data/key
//   volume/..data ─► ..2026_…         swapped by a rename
// Layout as in Kubernetes, since programs watch `..data` to notice a change.

import {
  chmod,
  chown,
  mkdir,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Payload } from './payload.ts';

const DATA = '..data';
const NEXT_DATA = '..data_tmp';

export interface WriteOptions {
  /** Distinguishes this version's folder; unique for the volume. */
  readonly version: string;
  /** Group that may read the files. */
  readonly group?: number | undefined;
}

export async function writeAtomically(
  folder: string,
  payload: Payload,
  { version, group }: WriteOptions,
): Promise<void> {
  await mkdir(folder, { recursive: true });
  if (await isWritten(join(folder, DATA), payload)) return;
  const versioned = `..${version}`;
  await writeFiles(join(folder, versioned), payload, group);
  const before = await readlink(join(folder, DATA)).catch(() => undefined);
  await rm(join(folder, NEXT_DATA), { force: true });
  await symlink(versioned, join(folder, NEXT_DATA));
  await rename(join(folder, NEXT_DATA), join(folder, DATA));
  await linkNames(folder, payload);
  if (before !== undefined && before !== versioned) {
    await rm(join(folder, before), { recursive: true, force: true });
  }
}

/** A restarted kubelet finds its files as it left them: a swap would only startle their readers. */
async function isWritten(root: string, payload: Payload): Promise<boolean> {
  const present = await readdir(root, { recursive: true, withFileTypes: true }).catch(() => []);
  if (present.filter((entry) => !entry.isDirectory()).length !== payload.size) return false;
  for (const [path, { content }] of payload) {
    const written = await readFile(join(root, path)).catch(() => undefined);
    if (!written?.equals(content)) return false;
  }
  return payload.size > 0;
}

async function writeFiles(root: string, payload: Payload, group?: number): Promise<void> {
  await mkdir(root, { recursive: true });
  await chmod(root, 0o755);
  const folders = new Set([...payload.keys()].map((path) => dirname(path)));
  for (const folder of folders) {
    if (folder !== '.') await mkdir(join(root, folder), { recursive: true });
  }
  for (const [path, { content, mode }] of payload) {
    const full = join(root, path);
    await writeFile(full, content, { mode });
    await chmod(full, group === undefined ? mode : mode | 0o440); // Whatever the umask is.
    if (group !== undefined) await chown(full, -1, group);
  }
}

/** The first part of each path is a link into the present data; links of former names go. */
async function linkNames(folder: string, payload: Payload): Promise<void> {
  const wanted = new Set([...payload.keys()].map((path) => path.split('/')[0]!));
  const present = new Set((await readdir(folder)).filter((name) => !name.startsWith('..')));
  for (const name of wanted) {
    if (!present.has(name)) await symlink(join(DATA, name), join(folder, name));
  }
  for (const name of present) {
    if (!wanted.has(name)) await rm(join(folder, name), { recursive: true, force: true });
  }
}
