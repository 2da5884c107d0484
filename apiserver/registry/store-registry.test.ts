import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Pod } from '../../proto/generated/core.v1.ts';
import { DEPLOYMENTS, NODES, PODS } from '../../proto/generated/resources.ts';
import { type InProcessApi, startInProcessApi } from '../../test/in-process-api.ts';

let api: InProcessApi;
beforeEach(async () => {
  api = await startInProcessApi();
});
afterEach(() => api.close());

const pod = (name: string, spec: Partial<Pod['spec']> = {}): Pod => ({
  metadata: { name, namespace: 'default', labels: { app: name } },
  spec: { containers: [{ name: 'main', image: 'busybox:1' }], ...spec },
});

test('a pod is made with defaults, read back, changed, and goes', async () => {
  const { transport } = api;
  const made = await transport.create(PODS, pod('a'));
  expect(made).toMatchObject({
    kind: 'Pod',
    apiVersion: 'v1',
    metadata: { name: 'a', namespace: 'default', generation: 1 },
    spec: { restartPolicy: 'Always', serviceAccountName: 'default', priority: 0 },
    status: { phase: 'Pending', qosClass: 'BestEffort' },
  });
  const read = await transport.get(PODS, { namespace: 'default', name: 'a' });
  expect(read).toEqual(made);
  await transport.delete(PODS, { namespace: 'default', name: 'a' });
  await expect(transport.get(PODS, { namespace: 'default', name: 'a' })).rejects.toMatchObject({
    reason: 'NotFound',
    message: 'pods "a" not found',
  });
});

test('what stands twice is refused, and so is what is not valid', async () => {
  const { transport } = api;
  await transport.create(PODS, pod('a'));
  await expect(transport.create(PODS, pod('a'))).rejects.toMatchObject({
    reason: 'AlreadyExists',
    message: 'pods "a" already exists',
  });
  await expect(transport.create(PODS, pod('B', { containers: [] }))).rejects.toMatchObject({
    reason: 'Invalid',
    message: expect.stringContaining('spec.containers: Required value'),
  });
  await expect(
    transport.create(DEPLOYMENTS, { metadata: { name: 'd', namespace: 'default' } } as never),
  ).rejects.toMatchObject({ reason: 'Invalid' });
});

test('a stale update is a conflict, a patch is not', async () => {
  const { transport } = api;
  const first = await transport.create(NODES, { metadata: { name: 'n' }, spec: {} });
  const at = { name: 'n' };
  const body = { metadata: { labels: { a: 'b' } } };
  await transport.patch(NODES, at, { type: 'strategic', body });
  await expect(transport.update(NODES, first)).rejects.toMatchObject({
    reason: 'Conflict',
    message:
      'Operation cannot be fulfilled on nodes "n": the object has been modified; ' +
      'please apply your changes to the latest version and try again',
  });
  const { metadata } = await transport.patch(NODES, at, {
    type: 'merge',
    body: { spec: { unschedulable: true } },
  });
  expect(metadata.labels).toEqual({ a: 'b' });
});

test('a pod is bound once', async () => {
  const { transport } = api;
  await transport.create(PODS, pod('a'));
  const at = { namespace: 'default', name: 'a' };
  await transport.bind(at, 'n1');
  await expect(transport.bind(at, 'n2')).rejects.toMatchObject({ reason: 'Conflict' });
  const bound = await transport.get(PODS, at);
  expect(bound.spec.nodeName).toBe('n1');
  expect(bound.status?.conditions).toMatchObject([{ type: 'PodScheduled', status: 'True' }]);
});

test('a watch sees what was there and what comes', async () => {
  const { transport } = api;
  await transport.create(PODS, pod('a'));
  const stop = new AbortController();
  const seen: string[] = [];
  const query = { namespace: 'default', sendInitialEvents: true };
  for await (const event of transport.watch(PODS, query, stop.signal)) {
    if (event.type === 'BOOKMARK') {
      seen.push('BOOKMARK');
      await transport.create(PODS, pod('b'));
      await transport.delete(PODS, { namespace: 'default', name: 'a' });
    } else seen.push(`${event.type} ${event.object.metadata.name}`);
    if (seen.length === 4) break;
  }
  expect(seen).toEqual(['ADDED a', 'BOOKMARK', 'ADDED b', 'DELETED a']);
});
