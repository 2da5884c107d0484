// The embedded store under kill -9: whatever was acknowledged is there afterwards, and history goes
// on without a gap.

import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openEmbeddedStore } from '../../apiserver/store/embedded.ts';
import type { Store } from '../../apiserver/store/store.ts';
import { SeededRandom } from '../sim/seeded-random.ts';
import { take, text } from './store.ts';

const KILLS = 15;
/** Another one each run, printed when it fails. */
const SEED = Number(process.env.WHERRY_SEED ?? Math.floor(performance.timeOrigin) % 1_000_000);
const REPO = resolve(import.meta.dirname, '../..');

let work: string;
beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'wherry-crash-'));
  await compileChild(work);
});
afterAll(() => rm(work, { recursive: true }));

test(`acknowledged writes survive ${KILLS} kills, seed ${SEED}`, async () => {
  const random = new SeededRandom(SEED);
  const folder = join(work, 'data');
  let revision = 1;
  let state: ReadonlyMap<string, string> = new Map();
  let acknowledged = 0;
  for (let kill = 0; kill < KILLS; kill++) {
    const lines = await runAndKill(folder, SEED + kill, random.below(120));
    const store = await openEmbeddedStore(folder);
    const checked = await check(store, { lines, revision, state });
    ({ revision, state } = checked);
    acknowledged += lines.length;
    await store.close();
  }
  expect(acknowledged).toBeGreaterThan(KILLS);
});

/** History since the last check holds all that was acknowledged, and adds up to what is there. */
async function check(
  store: Store,
  known: {
    readonly lines: readonly string[];
    readonly revision: number;
    readonly state: ReadonlyMap<string, string>;
  },
): Promise<{ readonly revision: number; readonly state: ReadonlyMap<string, string> }> {
  const revision = await store.progress();
  const history = await take(store, '/registry/', known.revision, revision - known.revision);
  expect(history.map((line) => Number(line.split('@')[1]))).toEqual(
    Array.from({ length: revision - known.revision }, (_, i) => known.revision + 1 + i),
  );
  const written = new Set(history.map((line) => line.replace(/^(create|update)/, 'put')));
  expect(known.lines.filter((line) => !written.has(line))).toEqual([]);
  const state = new Map(known.state);
  for (const line of history) {
    const [verb, key = '', value = ''] = line.split(' ');
    expect(state.has(key), line).toBe(verb !== 'create');
    if (verb === 'delete') state.delete(key);
    else state.set(key, value);
  }
  const { entries } = await store.list('/registry/');
  expect(new Map(entries.map(({ key, value }) => [key, text(value)]))).toEqual(state);
  for (const key of state.keys()) expect(text((await store.get(key))?.value)).toBe(state.get(key));
  return { revision, state };
}

/** What it acknowledged. */
async function runAndKill(folder: string, seed: number, afterMs: number): Promise<string[]> {
  const program = join(work, 'out/test/contracts/store-crash-child.js');
  const child = spawn(process.execPath, [program, folder, String(seed)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
  });
  const ended = once(child, 'close');
  await Promise.race([once(child.stdout, 'data'), ended]);
  expect(child.exitCode).toBe(null);
  await delay(afterMs);
  child.kill('SIGKILL');
  await ended;
  // The last line may be cut in the middle.
  return output.split('\n').slice(1, -1);
}

/** The child is a program of its own: compiled, since this version of Node runs no TypeScript. */
async function compileChild(folder: string): Promise<void> {
  const out = join(folder, 'out');
  await mkdir(out);
  await writeFile(join(out, 'package.json'), '{ "type": "module" }');
  await symlink(join(REPO, 'node_modules'), join(out, 'node_modules'));
  const config = {
    extends: join(REPO, 'tsconfig.json'),
    compilerOptions: {
      rootDir: REPO,
      outDir: out,
      incremental: false,
      typeRoots: [join(REPO, 'node_modules/@types')],
    },
    include: [join(REPO, 'test/contracts/store-crash-child.ts')],
  };
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(config));
  const tsc = join(REPO, 'node_modules/.bin/tsc');
  await promisify(execFile)(tsc, ['-p', join(folder, 'tsconfig.json')]);
}
