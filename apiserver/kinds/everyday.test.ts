// What ordinary manifests say, through the whole way of a write: accepted, and applied again later.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { JOBS, PODS, STATEFUL_SETS } from '../../proto/generated/resources.ts';
import type { Resource } from '../../proto/resource.ts';
import { type InProcessApi, startInProcessApi } from '../../test/in-process-api.ts';

let api: InProcessApi;
beforeAll(async () => {
  api = await startInProcessApi({ hasDefaultAccount: true });
});
afterAll(() => api.close());

const labels = { app: 'db' };
const podSpec = { containers: [{ name: 'main', image: 'busybox:1' }] };
const call = (resource: Resource, rest = {}) =>
  api.callTo(resource, { namespace: 'default', ...rest });

const database = (mount: string) => ({
  metadata: { name: 'db' },
  spec: {
    serviceName: 'db',
    selector: { matchLabels: labels },
    template: {
      metadata: { labels },
      spec: {
        containers: [
          {
            name: 'main',
            image: 'busybox:1',
            volumeMounts: [{ name: mount, mountPath: '/data' }],
          },
        ],
      },
    },
    volumeClaimTemplates: [
      {
        metadata: { name: 'data' },
        spec: {
          accessModes: ['ReadWriteOnce'],
          resources: { requests: { storage: '1Gi' } },
        },
      },
    ],
  },
});

test('a stateful set mounts the volumes that its claims will be', async () => {
  const dry = call(STATEFUL_SETS, { dryRun: true });
  await api.registry.create(dry, database('data'));
  const wrong = api.registry.create(dry, database('date'));
  await expect(wrong).rejects.toThrow('volumeMounts[0].name: Not found: "date"');
});

test('what the server fills in stays when the manager of a new object applies later', async () => {
  const head = (kind: string, apiVersion: string, name: string) => ({
    apiVersion,
    kind,
    metadata: { name, namespace: 'default' },
  });
  const once = { template: { spec: { ...podSpec, restartPolicy: 'Never' } } };
  const objects = [
    [JOBS, { ...head('Job', 'batch/v1', 'once'), spec: once }],
    [PODS, { ...head('Pod', 'v1', 'alone'), spec: podSpec }],
  ] as const;
  for (const [resource, object] of objects) {
    const text = JSON.stringify(object);
    const by = { fieldManager: 'kubectl-client-side-apply' };
    const made = await api.registry.create(call(resource, by), JSON.parse(text));
    // As kubectl does it: the old manager's fields become the new one's, then it applies.
    const managedFields = made.object.metadata.managedFields?.map((entry) => ({
      ...entry,
      manager: 'kubectl',
      operation: 'Apply',
    }));
    const name = object.metadata.name;
    const body = { metadata: { managedFields } };
    await api.registry.patch(call(resource, { name }), { type: 'merge', body });
    const applied = call(resource, { name, fieldManager: 'kubectl' });
    const after = await api.registry.patch(applied, { type: 'apply', body: JSON.parse(text) });
    expect(after.object).toHaveProperty('spec');
    expect({ ...after.object, metadata: {} }).toEqual({ ...made.object, metadata: {} });
  }
});
