import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Namespace, Pod } from '../../proto/generated/core.v1.ts';
import { CONFIG_MAPS, NAMESPACES, PODS } from '../../proto/generated/resources.ts';
import { type InProcessApi, startInProcessApi } from '../../test/in-process-api.ts';
import { FakeClock } from '../../test/sim/fake-clock.ts';

let api: InProcessApi;
let clock: FakeClock;
beforeEach(async () => {
  clock = new FakeClock(Date.parse('2026-01-01T00:00:00Z'));
  api = await startInProcessApi({ clock });
});
afterEach(() => api.close());

const AT = { namespace: 'default', name: 'a' };
const pod = (metadata: Partial<Pod['metadata']> = {}): Pod => ({
  metadata: { ...AT, ...metadata },
  spec: { containers: [{ name: 'main', image: 'busybox:1' }] },
});

async function boundPod(metadata?: Partial<Pod['metadata']>): Promise<Pod> {
  await api.transport.create(PODS, pod(metadata));
  await api.transport.bind(AT, 'n1');
  return api.transport.get(PODS, AT);
}

const isGone = async (): Promise<boolean> => {
  const { items } = await api.transport.list(PODS, { namespace: 'default' });
  return items.length === 0;
};

test('a pod without a node vanishes at once', async () => {
  await api.transport.create(PODS, pod());
  await api.transport.delete(PODS, AT);
  expect(await isGone()).toBe(true);
});

test('a bound pod waits for its grace, and goes when the kubelet says so', async () => {
  await boundPod();
  await api.transport.delete(PODS, AT);
  const { metadata } = await api.transport.get(PODS, AT);
  expect(metadata).toMatchObject({
    deletionTimestamp: '2026-01-01T00:00:30Z',
    deletionGracePeriodSeconds: 30,
    generation: 2,
  });
  await api.transport.delete(PODS, AT, { gracePeriodSeconds: 0 });
  expect(await isGone()).toBe(true);
});

test('grace can be shortened, never lengthened', async () => {
  await boundPod();
  await api.transport.delete(PODS, AT);
  await api.transport.delete(PODS, AT, { gracePeriodSeconds: 60 });
  expect((await api.transport.get(PODS, AT)).metadata.deletionGracePeriodSeconds).toBe(30);
  await api.transport.delete(PODS, AT, { gracePeriodSeconds: 5 });
  expect((await api.transport.get(PODS, AT)).metadata).toMatchObject({
    deletionTimestamp: '2026-01-01T00:00:05Z',
    deletionGracePeriodSeconds: 5,
  });
});

test('a pod that has ended needs no grace', async () => {
  const bound = await boundPod();
  const ended = { ...bound, status: { ...bound.status, phase: 'Succeeded' as const } };
  await api.transport.update(PODS, ended, { subresource: 'status' });
  await api.transport.delete(PODS, AT);
  expect(await isGone()).toBe(true);
});

test('a finalizer holds the object until it is taken away', async () => {
  await api.transport.create(PODS, pod({ finalizers: ['example.com/hold'] }));
  await api.transport.delete(PODS, AT);
  const held = await api.transport.get(PODS, AT);
  expect(held.metadata).toMatchObject({
    deletionTimestamp: '2026-01-01T00:00:00Z',
    deletionGracePeriodSeconds: 0,
  });
  const body = { metadata: { finalizers: ['example.com/other'] } };
  await expect(api.transport.patch(PODS, AT, { type: 'merge', body })).rejects.toMatchObject({
    reason: 'Invalid',
    message: expect.stringContaining(
      'no new finalizers can be added if the object is being deleted',
    ),
  });
  const none = { metadata: { finalizers: null } };
  await api.transport.patch(PODS, AT, { type: 'merge', body: none });
  expect(await isGone()).toBe(true);
});

test('finalizers that go before the grace is over do not end the pod', async () => {
  await boundPod({ finalizers: ['example.com/hold'] });
  await api.transport.delete(PODS, AT);
  const body = { metadata: { finalizers: null } };
  await api.transport.patch(PODS, AT, { type: 'merge', body });
  expect(await isGone()).toBe(false);
  await api.transport.delete(PODS, AT, { gracePeriodSeconds: 0 });
  expect(await isGone()).toBe(true);
});

test('a deletion is never taken back by an update', async () => {
  const bound = await boundPod();
  await api.transport.delete(PODS, AT);
  const { resourceVersion: _, ...metadata } = bound.metadata;
  const after = await api.transport.update(PODS, { ...bound, metadata });
  expect(after.metadata.deletionTimestamp).toBe('2026-01-01T00:00:30Z');
});

test.each([
  ['Foreground', 'foregroundDeletion'],
  ['Orphan', 'orphan'],
] as const)('%s deletion leaves a finalizer for the garbage collector', async (policy, name) => {
  const map = { metadata: { ...AT } };
  await api.transport.create(CONFIG_MAPS, map);
  await api.transport.delete(CONFIG_MAPS, AT, { propagationPolicy: policy });
  const { metadata } = await api.transport.get(CONFIG_MAPS, AT);
  expect(metadata.finalizers).toEqual([name]);
  expect(metadata.deletionTimestamp).toBeDefined();
  await api.transport.delete(CONFIG_MAPS, AT, { propagationPolicy: 'Background' });
  await expect(api.transport.get(CONFIG_MAPS, AT)).rejects.toMatchObject({ reason: 'NotFound' });
});

test('preconditions are kept', async () => {
  await api.transport.create(CONFIG_MAPS, { metadata: { ...AT } });
  const { metadata } = await api.transport.get(CONFIG_MAPS, AT);
  const wrong = { preconditions: { uid: 'other' } };
  await expect(api.transport.delete(CONFIG_MAPS, AT, wrong)).rejects.toMatchObject({
    reason: 'Conflict',
    message: expect.stringContaining('Precondition failed: UID in precondition: other'),
  });
  const stale = { preconditions: { resourceVersion: '1' } };
  await expect(api.transport.delete(CONFIG_MAPS, AT, stale)).rejects.toMatchObject({
    reason: 'Conflict',
  });
  const right = { preconditions: { uid: metadata.uid, resourceVersion: metadata.resourceVersion } };
  await api.transport.delete(CONFIG_MAPS, AT, right);
});

test('a dry run deletes nothing', async () => {
  await api.transport.create(CONFIG_MAPS, { metadata: { ...AT } });
  await api.transport.delete(CONFIG_MAPS, AT, { dryRun: true });
  expect(await api.transport.get(CONFIG_MAPS, AT)).toMatchObject({ metadata: AT });
});

test('a collection goes, as far as its selector reaches', async () => {
  for (const name of ['a', 'b', 'c']) {
    const metadata = { namespace: 'default', name, labels: { keep: String(name === 'b') } };
    await api.transport.create(CONFIG_MAPS, { metadata });
  }
  const query = { namespace: 'default', labelSelector: 'keep=false' };
  await api.transport.deleteCollection(CONFIG_MAPS, query);
  const { items } = await api.transport.list(CONFIG_MAPS, { namespace: 'default' });
  expect(items.map(({ metadata }) => metadata.name)).toEqual(['b']);
});

test('a namespace goes once its own finalizer is taken away, and takes no more meanwhile', async () => {
  const at = { name: 'team' };
  await api.transport.create(NAMESPACES, { metadata: { ...at }, spec: {} });
  await api.transport.delete(NAMESPACES, at);
  const going = await api.transport.get(NAMESPACES, at);
  expect(going).toMatchObject({
    metadata: { labels: { 'kubernetes.io/metadata.name': 'team' } },
    spec: { finalizers: ['kubernetes'] },
    status: { phase: 'Terminating' },
  });
  const map = { metadata: { namespace: 'team', name: 'late' } };
  await expect(api.transport.create(CONFIG_MAPS, map)).rejects.toMatchObject({
    reason: 'Forbidden',
    message:
      'configmaps "late" is forbidden: unable to create new content in namespace team because it ' +
      'is being terminated',
  });
  const emptied: Namespace = { ...going, spec: { finalizers: [] } };
  const kept = await api.transport.update(NAMESPACES, emptied);
  expect(kept.spec.finalizers).toEqual(['kubernetes']);
  const last = { ...kept, spec: { finalizers: [] } };
  await api.transport.update(NAMESPACES, last, { subresource: 'finalize' });
  await expect(api.transport.get(NAMESPACES, at)).rejects.toMatchObject({ reason: 'NotFound' });
});

test('some namespaces stay for ever, and none can be made up', async () => {
  const name = 'kube-system';
  await expect(api.transport.delete(NAMESPACES, { name })).rejects.toMatchObject({
    reason: 'Forbidden',
    message: 'namespaces "kube-system" is forbidden: this namespace may not be deleted',
  });
  const map = { metadata: { namespace: 'nowhere', name: 'a' } };
  await expect(api.transport.create(CONFIG_MAPS, map)).rejects.toMatchObject({
    reason: 'NotFound',
    message: 'namespaces "nowhere" not found',
  });
});
