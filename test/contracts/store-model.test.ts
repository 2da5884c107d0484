// Random operations, the same on the model and on a real store: whatever they answer must be equal.
// Each run prints its seed in the test's name.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { openEmbeddedStore } from '../../apiserver/store/embedded.ts';
import { openEtcdStore } from '../../apiserver/store/etcd.ts';
import { MemoryStore } from '../../apiserver/store/memory.ts';
import {
  CompactedError,
  type Range,
  type Store,
  type WriteResult,
} from '../../apiserver/store/store.ts';
import { systemClock } from '../../machinery/clock.ts';
import { type EtcdServer, startEtcd } from '../etcd-server.ts';
import { SeededRandom } from '../sim/seeded-random.ts';
import { bytes, take, text } from './store.ts';

const PREFIXES = ['/registry/', '/registry/core/pods/', '/registry/core/pods/ns/'];

/** What was asked, with revisions of the model; `run` asks it of either store. */
interface Operation {
  readonly name: string;
  run(store: Subject): Promise<unknown>;
}

/** A store whose revisions are counted from where it stood at the start, as the model's are. */
interface Subject {
  readonly store: Store;
  readonly offset: number;
}

const shown = ({ store: _, offset }: Subject, result: WriteResult): unknown =>
  result.ok
    ? { ok: true, revision: result.revision - offset }
    : {
        ok: false,
        current: result.current && [text(result.current.value), result.current.revision - offset],
      };

const shownRange = ({ offset }: Subject, { entries, revision, remaining }: Range): unknown => ({
  entries: entries.map(({ key, value, revision: at }) => [key, text(value), at - offset]),
  revision: revision - offset,
  remaining,
});

const withoutHistory = async (work: Promise<unknown>): Promise<unknown> => {
  try {
    return await work;
  } catch (error) {
    if (error instanceof CompactedError) return 'compacted';
    throw error;
  }
};

/** Draws an operation; `model` says which revisions make it interesting. */
async function draw(random: SeededRandom, model: MemoryStore, serial: number): Promise<Operation> {
  const key = `/registry/core/pods/${random.pick(['ns', 'ns-2'])}/p${random.below(12)}`;
  const now = await model.progress();
  const current = await model.get(key);
  const past = Math.max(1, now - random.below(60));
  const prefix = random.pick(PREFIXES);
  const expected = [[], [0], [current?.revision ?? 0], [past]][random.below(4)]!;
  const optionsOf = (offset: number) =>
    expected.map((it) => ({ expectedRevision: it === 0 ? 0 : it + offset }))[0] ?? {};
  const chance = random.fraction();
  if (chance < 0.5) {
    return {
      name: `put ${key} expecting ${expected}`,
      run: async (it) =>
        shown(it, await it.store.put(key, bytes(`v${serial}`), optionsOf(it.offset))),
    };
  }
  if (chance < 0.7) {
    return {
      name: `delete ${key} expecting ${expected}`,
      run: async (it) => shown(it, await it.store.delete(key, optionsOf(it.offset))),
    };
  }
  if (chance < 0.85) {
    const limit = random.pick([[], [1 + random.below(5)]])[0];
    const after = random.fraction() < 0.5 ? key : undefined;
    const revision = random.fraction() < 0.5 ? past : undefined;
    return {
      name: `list ${prefix} limit ${limit} after ${after} at ${revision}`,
      run: (it) =>
        withoutHistory(
          it.store
            .list(prefix, {
              ...(limit !== undefined && { limit }),
              ...(after !== undefined && { after }),
              ...(revision !== undefined && { revision: revision + it.offset }),
            })
            .then((range) => shownRange(it, range)),
        ),
    };
  }
  if (chance < 0.98) {
    const count = await countOfEvents(model, prefix, past);
    return {
      name: `watch ${prefix} after ${past}`,
      run: (it) =>
        withoutHistory(
          take(it.store, prefix, past + it.offset, count ?? 1).then((lines) =>
            lines.map((line) => line.replace(/@(\d+)$/, (_, at) => `@${Number(at) - it.offset}`)),
          ),
        ),
    };
  }
  return { name: `compact ${past}`, run: (it) => it.store.compact(past + it.offset) };
}

async function countOfEvents(
  model: MemoryStore,
  prefix: string,
  after: number,
): Promise<number | undefined> {
  const aborter = new AbortController();
  let count = 0;
  const now = await model.progress();
  if (after === now) return 0;
  try {
    for await (const batch of model.watch('/registry/', after, aborter.signal)) {
      const keys = batch.map((event) => (event.type === 'put' ? event.entry.key : event.key));
      count += keys.filter((key) => key.startsWith(prefix)).length;
      break;
    }
    return count;
  } catch {
    return undefined;
  }
}

async function compare(
  subject: Subject,
  {
    seed,
    steps,
    together,
  }: { readonly seed: number; readonly steps: number; readonly together: number },
): Promise<void> {
  const random = new SeededRandom(seed);
  const model = new MemoryStore();
  for (let step = 0; step < steps; step += together) {
    const operations: Operation[] = [];
    const expected: unknown[] = [];
    for (let i = 0; i < together; i++) {
      const operation = await draw(random, model, step + i);
      if (together > 1 && !/^(put|delete)/.test(operation.name)) continue;
      operations.push(operation);
      expected.push(await operation.run({ store: model, offset: 0 }));
    }
    const answers = await Promise.all(operations.map((operation) => operation.run(subject)));
    const names = operations.map(({ name }) => name);
    expect({ step, names, answers }).toEqual({ step, names, answers: expected });
  }
}

test.each([11, 12, 13])('embedded answers as the model does, seed %i', async (seed) => {
  await withEmbedded((store) => compare({ store, offset: 0 }, { seed, steps: 1500, together: 1 }));
});

test.each([21, 22])('groups of concurrent writes keep their order, seed %i', async (seed) => {
  await withEmbedded((store) => compare({ store, offset: 0 }, { seed, steps: 4000, together: 20 }));
});

let etcd: EtcdServer | undefined;
afterAll(() => etcd?.stop());

test.each([31, 32])('etcd answers as the model does, seed %i', async (seed) => {
  etcd ??= await startEtcd();
  const store = openEtcdStore(
    { endpoints: [etcd.endpoint], prefix: `/model-${seed}` },
    systemClock,
  );
  const offset = (await store.progress()) - 1;
  await compare({ store, offset }, { seed, steps: 400, together: 1 });
  await store.close();
});

async function withEmbedded(work: (store: Store) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'wherry-model-'));
  const store = await openEmbeddedStore(folder);
  try {
    await work(store);
  } finally {
    await store.close();
    await rm(folder, { recursive: true });
  }
}
