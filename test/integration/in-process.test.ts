// Somebody tests an operator of theirs against a real API server inside the test's own process: no
// cluster, no container, no etcd. The operator speaks through the in-process door; its user comes
// over HTTPS with a certificate, as a program somewhere else would.
//
//   ConfigMap labelled `copies=n`  ─►  n ConfigMaps of the same data, owned by it

import { afterAll, beforeAll, expect, test } from 'vitest';
import { createInformer } from '../../client/informer.ts';
import { createRestTransport } from '../../client/rest-transport.ts';
import { type Clock, systemClock } from '../../machinery/clock.ts';
import { hasReason } from '../../machinery/errors.ts';
import { silentLog } from '../../machinery/log.ts';
import { keyOf } from '../../machinery/object.ts';
import { WorkQueue } from '../../machinery/queue.ts';
import { systemRandom } from '../../machinery/random.ts';
import type { Transport, WatchEvent } from '../../machinery/transport.ts';
import type { ConfigMap } from '../../proto/generated/core.v1.ts';
import { CONFIG_MAPS, DEPLOYMENTS } from '../../proto/generated/resources.ts';
import { startTestApiServer, type TestApiServer } from '../api-server.ts';
import { configMap, deployment } from '../builders.ts';

const WITHIN_MS = 10_000;

let api: TestApiServer;
let user: Transport;

beforeAll(async () => {
  api = await startTestApiServer();
  user = createRestTransport({
    server: api.httpsUrl,
    ca: api.ca.certificate,
    certificate: api.admin.certificate,
    key: api.admin.key,
  });
});

afterAll(async () => {
  user.close();
  await api.close();
});

test('an operator sees what its user wishes, and the user sees what it does', async () => {
  const stop = new AbortController();
  const operator = runOperator(api.transport, stop.signal);
  const labels = { copies: '2' };
  const wish = await user.create(CONFIG_MAPS, configMap('menu', { tea: '3' }, { labels }));
  const after = wish.metadata.resourceVersion;

  const made = await watchUntil(after, (seen) => seen.size === 2);
  expect([...made.keys()].sort()).toEqual(['menu-1', 'menu-2']);
  for (const copy of made.values()) {
    expect(copy.data).toEqual({ tea: '3' });
    expect(copy.metadata.ownerReferences?.[0]?.uid).toBe(wish.metadata.uid);
  }

  const at = { namespace: 'default', name: 'menu' };
  await user.patch(CONFIG_MAPS, at, { type: 'strategic', body: { data: { tea: '4' } } });
  const isCurrent = (seen: ReadonlyMap<string, ConfigMap>) =>
    seen.size === 2 && [...seen.values()].every(({ data }) => data?.tea === '4');
  await watchUntil(after, isCurrent);

  stop.abort();
  await operator;
});

test('both doors show the same object at the same revision', async () => {
  const made = await api.transport.create(CONFIG_MAPS, configMap('same', { a: '1' }));
  const at = { namespace: 'default', name: 'same' };
  expect(await user.get(CONFIG_MAPS, at)).toEqual(made);
  const patched = await user.patch(CONFIG_MAPS, at, { type: 'merge', body: { data: { b: '2' } } });
  expect(await api.transport.get(CONFIG_MAPS, at)).toEqual(patched);
  await expect(api.transport.update(CONFIG_MAPS, made), 'of an old revision').rejects.toSatisfy(
    (error) => hasReason(error, 'Conflict'),
  );
});

test('what the API refuses, it refuses with reason and field through either door', async () => {
  const wrong = deployment('wrong', { spec: { selector: { matchLabels: { app: 'other' } } } });
  for (const door of [user, api.transport]) {
    const refusal = await door.create(DEPLOYMENTS, wrong).catch((error: unknown) => error);
    expect(refusal).toMatchObject({
      reason: 'Invalid',
      code: 422,
      details: { causes: [{ field: 'spec.template.metadata.labels' }] },
    });
  }
});

test('a watch goes on after the last event seen, whichever door it came through', async () => {
  const first = await user.create(CONFIG_MAPS, configMap('one', {}, { labels: { row: 'x' } }));
  const stop = new AbortController();
  const query = { namespace: 'default', labelSelector: 'row=x' };
  const from = { ...query, resourceVersion: first.metadata.resourceVersion };
  const events = api.transport.watch(CONFIG_MAPS, from, stop.signal)[Symbol.asyncIterator]();
  const next = async () => (await events.next()).value as WatchEvent<ConfigMap>;
  const two = await user.create(CONFIG_MAPS, configMap('two', {}, { labels: { row: 'x' } }));
  expect(await next()).toMatchObject({ type: 'ADDED', object: { metadata: { name: 'two' } } });
  const at = { namespace: 'default', name: 'two' };
  await user.patch(CONFIG_MAPS, at, {
    type: 'merge',
    body: { metadata: { labels: { row: 'y' } } },
  });
  expect(await next(), 'it no longer matches').toMatchObject({
    type: 'DELETED',
    object: { metadata: { uid: two.metadata.uid } },
  });
  stop.abort(new Error('seen enough'));
});

/** What the user sees of the operator's work, from a revision on until it is as wished. */
async function watchUntil(
  resourceVersion: string | undefined,
  isEnough: (seen: ReadonlyMap<string, ConfigMap>) => boolean,
): Promise<ReadonlyMap<string, ConfigMap>> {
  const seen = new Map<string, ConfigMap>();
  const query = { namespace: 'default', labelSelector: 'copy-of=menu', resourceVersion };
  for await (const event of user.watch(CONFIG_MAPS, query, AbortSignal.timeout(WITHIN_MS))) {
    if (event.type === 'BOOKMARK') continue;
    seen.set(event.object.metadata.name, event.object);
    if (isEnough(seen)) break;
  }
  return seen;
}

/** The operator under test, as its author would write it. */
async function runOperator(transport: Transport, signal: AbortSignal): Promise<void> {
  const clock: Clock = systemClock;
  const parts = { transport, clock, random: systemRandom, log: silentLog };
  const wishes = createInformer({
    ...parts,
    resource: CONFIG_MAPS,
    query: { labelSelector: 'copies' },
  });
  const queue = new WorkQueue({ clock });
  wishes.onChange(({ object }) => queue.add(keyOf(object)));
  const reconcile = async (key: string): Promise<void> => {
    const wish = wishes.get(key);
    if (wish === undefined) return;
    const count = Number(wish.metadata.labels?.copies);
    for (let index = 1; index <= count; index++) await apply(transport, copyOf(wish, index));
  };
  await Promise.all([wishes.run(signal), queue.run(1, reconcile, signal)]);
}

const copyOf = ({ metadata, data = {} }: ConfigMap, index: number): ConfigMap =>
  configMap(`${metadata.name}-${index}`, data, {
    namespace: metadata.namespace ?? '',
    labels: { 'copy-of': metadata.name },
    ownerReferences: [
      { apiVersion: 'v1', kind: 'ConfigMap', name: metadata.name, uid: metadata.uid ?? '' },
    ],
  });

async function apply(transport: Transport, wanted: ConfigMap): Promise<void> {
  try {
    await transport.create(CONFIG_MAPS, wanted);
  } catch (error) {
    if (!hasReason(error, 'AlreadyExists')) throw error;
    const { data } = wanted;
    await transport.patch(CONFIG_MAPS, wanted.metadata, { type: 'merge', body: { data } });
  }
}
