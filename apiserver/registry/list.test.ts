import { afterEach, beforeEach, expect, test } from 'vitest';
import { CONFIG_MAPS, EVENTS, PODS } from '../../proto/generated/resources.ts';
import { type InProcessApi, startInProcessApi } from '../../test/in-process-api.ts';
import { FakeClock } from '../../test/sim/fake-clock.ts';

let api: InProcessApi;
beforeEach(async () => {
  api = await startInProcessApi();
});
afterEach(() => api.close());

const make = (name: string, labels: Record<string, string> = {}, namespace = 'default') =>
  api.transport.create(CONFIG_MAPS, { metadata: { namespace, name, labels } });
const namesOf = (list: { items: { metadata: { name: string } }[] }): string[] =>
  list.items.map(({ metadata }) => metadata.name);

test('pages of one list show the state that it began with', async () => {
  for (const name of ['a', 'b', 'c', 'd', 'e']) await make(name);
  const query = { namespace: 'default', limit: 2 };
  const first = await api.transport.list(CONFIG_MAPS, query);
  expect(namesOf(first)).toEqual(['a', 'b']);
  expect(first.metadata.remainingItemCount).toBe(3);
  await make('bb');
  await api.transport.delete(CONFIG_MAPS, { namespace: 'default', name: 'd' });
  const next = { ...query, continue: first.metadata.continue };
  const second = await api.transport.list(CONFIG_MAPS, next);
  expect(namesOf(second)).toEqual(['c', 'd']);
  expect(second.metadata.resourceVersion).toBe(first.metadata.resourceVersion);
  expect(second.metadata.remainingItemCount).toBe(1);
  const last = { ...query, continue: second.metadata.continue };
  const third = await api.transport.list(CONFIG_MAPS, last);
  expect(namesOf(third)).toEqual(['e']);
  expect(third.metadata).not.toHaveProperty('continue');
});

test('pages go through a selector and across namespaces', async () => {
  for (const [index, name] of ['a', 'b', 'c', 'd', 'e', 'f'].entries()) {
    await make(name, { even: String(index % 2 === 0) }, index < 3 ? 'default' : 'kube-public');
  }
  const query = { labelSelector: 'even=true', limit: 1 };
  const seen: string[] = [];
  let token: string | undefined;
  do {
    const page = await api.transport.list(CONFIG_MAPS, { ...query, continue: token });
    expect(page.metadata).not.toHaveProperty('remainingItemCount');
    seen.push(...namesOf(page));
    token = page.metadata.continue;
  } while (token !== undefined);
  expect(seen).toEqual(['a', 'c', 'e']);
});

test('a token that is too old says so, a token that is none too', async () => {
  for (const name of ['a', 'b', 'c']) await make(name);
  const query = { namespace: 'default', limit: 1 };
  const { metadata } = await api.transport.list(CONFIG_MAPS, query);
  await make('d');
  await api.store.compact(Number(metadata.resourceVersion) + 1);
  const late = api.transport.list(CONFIG_MAPS, { ...query, continue: metadata.continue });
  await expect(late).rejects.toMatchObject({ reason: 'Expired' });
  for (const token of ['x', 'bnVsbA', 'e30']) {
    const none = api.transport.list(CONFIG_MAPS, { ...query, continue: token });
    await expect(none).rejects.toMatchObject({
      reason: 'BadRequest',
      message: 'continue key is not valid',
    });
  }
});

test('an exact revision shows the past', async () => {
  await make('a');
  const { metadata } = await api.transport.list(CONFIG_MAPS, { namespace: 'default' });
  await make('b');
  const { resourceVersion } = metadata;
  const past = { namespace: 'default', resourceVersion, resourceVersionMatch: 'Exact' } as const;
  expect(namesOf(await api.transport.list(CONFIG_MAPS, past))).toEqual(['a']);
  const newer = { ...past, resourceVersionMatch: 'NotOlderThan' } as const;
  expect(namesOf(await api.transport.list(CONFIG_MAPS, newer))).toEqual(['a', 'b']);
});

test('a revision that nobody has written yet is a timeout', async () => {
  const clock = new FakeClock(0);
  const slow = await startInProcessApi({ clock });
  const query = { namespace: 'default', resourceVersion: '100000' };
  const list = slow.transport.list(CONFIG_MAPS, query).catch((error: unknown) => error);
  await clock.advance(3000);
  expect(await list).toMatchObject({
    reason: 'Timeout',
    message: expect.stringMatching(/^Too large resource version: 100000, current: \d+$/),
    details: { retryAfterSeconds: 1 },
  });
  await slow.close();
});

test('rules of revisions are kept', async () => {
  const match = 'NotOlderThan' as const;
  const wrong = [
    [{ resourceVersionMatch: match }, 'Invalid'],
    [{ resourceVersion: '0', resourceVersionMatch: 'Exact' as const }, 'Invalid'],
    [{ resourceVersion: 'abc' }, 'BadRequest'],
    [{ resourceVersion: '5', continue: 'x' }, 'BadRequest'],
    [{ resourceVersionMatch: match, continue: 'x' }, 'Invalid'],
  ] as const;
  for (const [query, reason] of wrong) {
    const list = api.transport.list(CONFIG_MAPS, query);
    await expect(list).rejects.toMatchObject({ reason });
  }
});

test('field selectors know the fields of the kind, and say so of others', async () => {
  await make('a');
  await make('b');
  const byName = { fieldSelector: 'metadata.name=a,metadata.namespace=default' };
  expect(namesOf(await api.transport.list(CONFIG_MAPS, byName))).toEqual(['a']);
  const inOne = { namespace: 'default', fieldSelector: 'metadata.name!=a' };
  expect(namesOf(await api.transport.list(CONFIG_MAPS, inOne))).toEqual(['b']);
  for (const field of ['spec.nodeName', 'constructor', '__proto__']) {
    const list = api.transport.list(CONFIG_MAPS, { fieldSelector: `${field}=x` });
    await expect(list).rejects.toMatchObject({
      reason: 'BadRequest',
      message: `field label not supported: ${field}`,
    });
  }
});

test('pods are found by their node, events by what they are about', async () => {
  const at = { namespace: 'default', name: 'p' };
  const spec = { containers: [{ name: 'main', image: 'busybox:1' }] };
  await api.transport.create(PODS, { metadata: { ...at }, spec });
  await api.transport.create(PODS, { metadata: { ...at, name: 'q' }, spec });
  await api.transport.bind(at, 'n1');
  const mine = await api.transport.list(PODS, { fieldSelector: 'spec.nodeName=n1' });
  expect(namesOf(mine)).toEqual(['p']);
  const free = await api.transport.list(PODS, {
    fieldSelector: 'spec.nodeName=,status.phase=Pending',
  });
  expect(namesOf(free)).toEqual(['q']);
  const involvedObject = { kind: 'Pod', ...at };
  await api.transport.create(EVENTS, { metadata: { ...at, name: 'e' }, involvedObject } as never);
  const about = { fieldSelector: 'involvedObject.name=p,involvedObject.kind=Pod' };
  expect(namesOf(await api.transport.list(EVENTS, about))).toEqual(['e']);
});

test('a watch by node hears of that node only', async () => {
  const spec = { containers: [{ name: 'main', image: 'busybox:1' }] };
  const at = (name: string) => ({ namespace: 'default', name });
  await api.transport.create(PODS, { metadata: at('a'), spec });
  await api.transport.create(PODS, { metadata: at('b'), spec });
  const stop = new AbortController();
  const query = { fieldSelector: 'spec.nodeName=n1', sendInitialEvents: true };
  const seen: string[] = [];
  for await (const event of api.transport.watch(PODS, query, stop.signal)) {
    if (event.type === 'BOOKMARK') {
      await api.transport.bind(at('a'), 'n2');
      await api.transport.bind(at('b'), 'n1');
    } else {
      seen.push(`${event.type} ${event.object.metadata.name}`);
      break;
    }
  }
  expect(seen).toEqual(['ADDED b']);
});
