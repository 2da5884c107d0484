import fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';
import { expired, StatusError } from '../machinery/errors.ts';
import { type Log, silentLog } from '../machinery/log.ts';
import { keyOf } from '../machinery/object.ts';
import type { ConfigMap } from '../proto/generated/core.v1.ts';
import { CONFIG_MAPS } from '../proto/generated/resources.ts';
import { FakeClock } from '../test/sim/fake-clock.ts';
import { ScriptedApi } from '../test/sim/scripted-api.ts';
import { SeededRandom } from '../test/sim/seeded-random.ts';
import { createInformer, type InformerOptions } from './informer.ts';
import { createInformers } from './informers.ts';
import type { Change } from './lister.ts';

const configMap = (name: string, data: Record<string, string> = {}): ConfigMap => ({
  metadata: { name, namespace: 'default' },
  data,
});

function setUp(options: Partial<InformerOptions<ConfigMap>> = {}) {
  const api = new ScriptedApi();
  const clock = new FakeClock();
  const stop = new AbortController();
  onTestFinished(() => stop.abort());
  const bugs: unknown[] = [];
  const log: Log = {
    ...silentLog,
    with: () => log,
    error: (_, fields) => bugs.push(fields?.error),
  };
  const parts = { transport: api, clock, random: new SeededRandom(1), log };
  const informer = createInformer({ ...parts, resource: CONFIG_MAPS, ...options });
  const story: string[] = [];
  informer.onChange(({ type, object }) => story.push(`${type} ${object.metadata.name}`));
  return { api, clock, stop, informer, story, parts, bugs };
}

test('it lists, then follows', async () => {
  const { api, clock, stop, informer, story } = setUp();
  await api.create(CONFIG_MAPS, configMap('a'));
  const ran = informer.run(stop.signal);
  await informer.synced();
  expect(story).toEqual(['added a']);
  await api.create(CONFIG_MAPS, configMap('b'));
  await api.update(CONFIG_MAPS, configMap('a', { k: 'v' }));
  await api.delete(CONFIG_MAPS, { namespace: 'default', name: 'b' });
  await clock.advance(0);
  expect(story).toEqual(['added a', 'added b', 'updated a', 'deleted b']);
  expect(informer.get('default/a')?.data).toEqual({ k: 'v' });
  expect(informer.list().length).toBe(1);
  expect(api.calls.filter((call) => call.startsWith('list'))).toHaveLength(1);
  stop.abort();
  await ran;
});

test('long lists come in pages', async () => {
  const { api, stop, informer } = setUp();
  for (let i = 0; i < 1201; i++) await api.create(CONFIG_MAPS, configMap(`c${i}`));
  void informer.run(stop.signal);
  await informer.synced();
  expect(informer.size).toBe(1201);
  expect(api.calls.filter((call) => call === 'list configmaps')).toHaveLength(3);
});

test('a watch that was cut goes on from the newest revision, without another list', async () => {
  const { api, clock, stop, informer, story } = setUp();
  void informer.run(stop.signal);
  await informer.synced();
  api.bookmark('configmaps');
  await clock.advance(0);
  const { revision } = informer;
  expect(revision).toBe(2);
  api.cut();
  await clock.advance(0);
  await api.create(CONFIG_MAPS, configMap('a'));
  await clock.advance(1000);
  expect(story).toEqual(['added a']);
  expect(api.calls.filter((call) => call.startsWith('list'))).toHaveLength(1);
});

test('an expired watch lists again and tells what it missed, deletions too', async () => {
  const { api, clock, stop, informer, story } = setUp();
  for (const name of ['kept', 'changed', 'removed', 'replaced']) {
    await api.create(CONFIG_MAPS, configMap(name));
  }
  void informer.run(stop.signal);
  await clock.advance(0);
  api.cut();
  await clock.advance(0);
  story.length = 0;
  await api.update(CONFIG_MAPS, { ...api.objects('configmaps')[1], data: { k: 'v' } } as ConfigMap);
  await api.delete(CONFIG_MAPS, { namespace: 'default', name: 'removed' });
  await api.delete(CONFIG_MAPS, { namespace: 'default', name: 'replaced' });
  await api.create(CONFIG_MAPS, configMap('replaced'));
  await api.create(CONFIG_MAPS, configMap('new'));
  api.compact();
  await clock.advance(1000);
  expect(story).toEqual([
    'updated changed',
    'deleted replaced',
    'added replaced',
    'added new',
    'deleted removed',
  ]);
});

test('an unreachable server is tried again, ever more slowly, and quickly after success', async () => {
  const { api, clock, stop, informer } = setUp();
  const down = () => new StatusError('ServiceUnavailable', 'connection refused');
  api.refuseNext(...Array.from({ length: 10 }, down));
  const triedMs: number[] = [];
  const { list } = api;
  api.list = function (...args) {
    triedMs.push(clock.now());
    return list.apply(this, args) as never;
  };
  void informer.run(stop.signal);
  await clock.advanceUntil(() => informer.isSynced, 120_000);
  const gaps = triedMs.slice(1).map((at, i) => at - triedMs[i]!);
  expect(gaps[0]).toBeGreaterThanOrEqual(200);
  expect(gaps[0]).toBeLessThanOrEqual(300);
  expect(Math.max(...gaps)).toBeLessThanOrEqual(10_000);
  expect(gaps.at(-1)).toBe(10_000);
});

test('a list whose pages expire begins anew', async () => {
  const { api, clock, stop, informer } = setUp();
  for (let i = 0; i < 600; i++) await api.create(CONFIG_MAPS, configMap(`c${i}`));
  const { list } = api;
  let pages = 0;
  api.list = function (...args) {
    if (++pages === 2) throw expired('the continue token is too old');
    return list.apply(this, args) as never;
  };
  void informer.run(stop.signal);
  await clock.advanceUntil(() => informer.isSynced);
  expect(informer.size).toBe(600);
});

test('indexes follow every change, and namespaces are one of them', async () => {
  const { api, clock, stop, informer } = setUp({
    indexes: { color: ({ data = {} }) => (data.color === undefined ? [] : [data.color]) },
  });
  const names = (color: string) => informer.byIndex('color', color).map((one) => one.metadata.name);
  await api.create(CONFIG_MAPS, configMap('a', { color: 'red' }));
  void informer.run(stop.signal);
  await informer.synced();
  expect(names('red')).toEqual(['a']);
  await api.create(CONFIG_MAPS, configMap('b', { color: 'red' }));
  await api.update(CONFIG_MAPS, configMap('a', { color: 'blue' }));
  await clock.advance(0);
  expect([names('red'), names('blue'), names('none')]).toEqual([['b'], ['a'], []]);
  expect(informer.list('default')).toHaveLength(2);
  expect(informer.list('other')).toEqual([]);
  expect(informer.list()).toBe(informer.list());
  expect(() => informer.byIndex('size', '1')).toThrow(/no index/);
});

test('a handler that comes late sees what is there, and one that fails stops nobody', async () => {
  const { api, clock, stop, informer, story, bugs } = setUp();
  await api.create(CONFIG_MAPS, configMap('a'));
  void informer.run(stop.signal);
  await informer.synced();
  const late: Change<ConfigMap>[] = [];
  const off = informer.onChange((change) => {
    late.push(change);
    throw new Error('a bug');
  });
  expect(late).toHaveLength(1);
  await api.create(CONFIG_MAPS, configMap('b'));
  await clock.advance(0);
  off();
  await api.create(CONFIG_MAPS, configMap('c'));
  await clock.advance(0);
  expect(late).toHaveLength(2);
  expect(bugs).toHaveLength(2);
  expect(story).toEqual(['added a', 'added b', 'added c']);
});

test('whatever is written, cut and compacted, the cache ends up as the API', async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(), async (seed) => {
      const random = new SeededRandom(seed);
      const { api, clock, stop, informer, bugs } = setUp({ random });
      const told = new Map<string, ConfigMap>();
      informer.onChange((change) => {
        const key = keyOf(change.object);
        expect([change.type, told.has(key)]).toEqual([change.type, change.type !== 'added']);
        if (change.type === 'deleted') told.delete(key);
        else told.set(key, change.object);
      });
      void informer.run(stop.signal);
      for (let i = 0; i < 60; i++) {
        const at = { namespace: 'default', name: `c${random.below(6)}` };
        const act = random.pick(['create', 'update', 'delete', 'cut', 'compact', 'wait']);
        if (act === 'create') await api.create(CONFIG_MAPS, configMap(at.name)).catch(() => {});
        if (act === 'update') await api.update(CONFIG_MAPS, configMap(at.name)).catch(() => {});
        if (act === 'delete') await api.delete(CONFIG_MAPS, at).catch(() => {});
        if (act === 'cut') api.cut();
        if (act === 'compact') api.compact();
        if (act === 'wait') await clock.advance(random.below(500));
      }
      await clock.advance(30_000);
      const stored = new Map(api.objects('configmaps').map((one) => [keyOf(one), one]));
      expect(bugs).toEqual([]);
      expect(told).toEqual(stored);
      expect(new Map(informer.list().map((one) => [keyOf(one), one]))).toEqual(stored);
      stop.abort();
    }),
    { numRuns: 30 },
  );
});

test('informers are shared by resource and selection, and start when asked for late', async () => {
  const { api, stop, parts } = setUp();
  await api.create(CONFIG_MAPS, configMap('a'));
  const informers = createInformers(parts);
  const first = informers.of(CONFIG_MAPS);
  expect(informers.of(CONFIG_MAPS)).toBe(first);
  expect(informers.of(CONFIG_MAPS, { query: { namespace: 'x' } })).not.toBe(first);
  const ran = informers.run(stop.signal);
  const late = informers.of(CONFIG_MAPS, { query: { namespace: 'late' } });
  await informers.synced();
  expect(informers.isSynced).toBe(true);
  expect(late.isSynced).toBe(true);
  stop.abort();
  await ran;
});
