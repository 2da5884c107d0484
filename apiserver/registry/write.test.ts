import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Pod } from '../../proto/generated/core.v1.ts';
import {
  CONFIG_MAPS,
  DEPLOYMENTS,
  LEASES,
  NODES,
  PODS,
  SECRETS,
} from '../../proto/generated/resources.ts';
import { type InProcessApi, startInProcessApi } from '../../test/in-process-api.ts';

let api: InProcessApi;
beforeEach(async () => {
  api = await startInProcessApi();
});
afterEach(() => api.close());

const AT = { namespace: 'default', name: 'a' };
const labels = { app: 'a' };
const pod = (): Pod => ({
  metadata: { ...AT },
  spec: { containers: [{ name: 'main', image: 'busybox:1' }] },
});
const deployment = (replicas?: number) => ({
  metadata: { ...AT },
  spec: {
    ...(replicas !== undefined && { replicas }),
    selector: { matchLabels: labels },
    template: { metadata: { labels } as never, spec: pod().spec },
  },
});

test('unknown fields are refused, warned of or dropped, as the client wishes', async () => {
  const body = () => ({ metadata: { ...AT }, dat: { a: 'b' } });
  const warnings: string[] = [];
  const call = api.callTo(CONFIG_MAPS, { ...AT, warn: (text) => warnings.push(text) });
  await expect(
    api.registry.create({ ...call, fieldValidation: 'Strict' }, body()),
  ).rejects.toMatchObject({
    reason: 'BadRequest',
    message:
      'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: ' +
      'unknown field "dat"',
  });
  await api.registry.create({ ...call, fieldValidation: 'Ignore' }, body());
  expect(warnings).toEqual([]);
  const { object } = await api.registry.update(call, body());
  expect(warnings).toEqual(['unknown field "dat"']);
  expect(object).not.toHaveProperty('dat');
});

test('a body of another kind or place is refused', async () => {
  const call = api.callTo(CONFIG_MAPS, { ...AT });
  const wrong = [
    [{ kind: 'Secret' }, 'Secret in version "v1" cannot be handled as a ConfigMap'],
    [{ apiVersion: 'v2' }, 'does not match the expected API version (v1)'],
    [{ metadata: { name: 'a', namespace: 'b' } }, 'the namespace of the provided object'],
    [[], 'not a JSON object'],
    [{ metadata: { name: 'a', resourceVersion: '5' } }, 'resourceVersion should not be set'],
    [{ metadata: 5 }, 'cannot unmarshal number into Go struct field ConfigMap.metadata'],
  ] as const;
  for (const [body, message] of wrong) {
    await expect(api.registry.create(call, structuredClone(body))).rejects.toMatchObject({
      reason: 'BadRequest',
      message: expect.stringContaining(message),
    });
  }
});

test('names are generated where asked for', async () => {
  const metadata = { namespace: 'default', generateName: 'web-' };
  const made = await api.transport.create(CONFIG_MAPS, { metadata } as never);
  const { name } = (made as unknown as Pod).metadata;
  expect(name).toMatch(/^web-[a-z0-9]{5}$/);
});

test('what a client may not set is not set', async () => {
  const metadata = {
    ...AT,
    uid: 'mine',
    creationTimestamp: '2000-01-01T00:00:00Z',
    deletionTimestamp: '2000-01-01T00:00:00Z',
    generation: 7,
  };
  const made = await api.transport.create(PODS, {
    ...pod(),
    metadata,
    status: { phase: 'Running', podIP: '1.2.3.4' },
  });
  expect(made.metadata.uid).not.toBe('mine');
  expect(made.metadata.creationTimestamp).not.toBe('2000-01-01T00:00:00Z');
  expect(made.metadata).not.toHaveProperty('deletionTimestamp');
  expect(made.metadata.generation).toBe(1);
  expect(made.status).toEqual({ phase: 'Pending', qosClass: 'BestEffort' });
});

test('spec and status have doors of their own', async () => {
  const made = await api.transport.create(DEPLOYMENTS, deployment());
  const both = {
    ...made,
    spec: { ...made.spec, replicas: 5 },
    status: { replicas: 3 },
  };
  const afterSpec = await api.transport.update(DEPLOYMENTS, both);
  expect(afterSpec).toMatchObject({ metadata: { generation: 2 }, spec: { replicas: 5 } });
  expect(afterSpec.status).toEqual({});
  const again = {
    ...afterSpec,
    spec: { ...made.spec, replicas: 9 },
    status: { replicas: 3 },
  };
  const afterStatus = await api.transport.update(DEPLOYMENTS, again, { subresource: 'status' });
  expect(afterStatus).toMatchObject({
    metadata: { generation: 2 },
    spec: { replicas: 5 },
    status: { replicas: 3 },
  });
});

test('an update that changes nothing takes no revision', async () => {
  await api.transport.create(CONFIG_MAPS, { metadata: { ...AT }, data: { a: 'b' } });
  const made = await api.transport.get(CONFIG_MAPS, AT);
  const same = await api.transport.update(CONFIG_MAPS, made);
  expect(same.metadata.resourceVersion).toBe(made.metadata.resourceVersion);
  const patch = { type: 'merge', body: { data: { a: 'b' } } } as const;
  const patched = await api.transport.patch(CONFIG_MAPS, AT, patch);
  expect(patched.metadata.resourceVersion).toBe(made.metadata.resourceVersion);
});

test('an update without a revision wins, unless the kind wants one', async () => {
  await api.transport.create(CONFIG_MAPS, { metadata: { ...AT } });
  const blind = await api.transport.update(CONFIG_MAPS, { metadata: { ...AT }, data: { a: 'b' } });
  expect(blind.data).toEqual({ a: 'b' });
  const lease = { metadata: { ...AT }, spec: { holderIdentity: 'me' } };
  await api.transport.create(LEASES, lease);
  await expect(api.transport.update(LEASES, lease)).rejects.toMatchObject({
    reason: 'Invalid',
    message: expect.stringContaining(
      'metadata.resourceVersion: Invalid value: 0: must be specified',
    ),
  });
});

test('racing patches all arrive', async () => {
  await api.transport.create(CONFIG_MAPS, { metadata: { ...AT } });
  const names = Array.from({ length: 8 }, (_, index) => `k${index}`);
  await Promise.all(
    names.map((name) =>
      api.transport.patch(CONFIG_MAPS, AT, { type: 'merge', body: { data: { [name]: 'x' } } }),
    ),
  );
  const { data } = await api.transport.get(CONFIG_MAPS, AT);
  expect(Object.keys(data ?? {}).sort()).toEqual(names);
});

test('one of many updates at one revision wins', async () => {
  const made = await api.transport.create(CONFIG_MAPS, { metadata: { ...AT } });
  const tries = await Promise.allSettled(
    ['1', '2', '3', '4'].map((a) => api.transport.update(CONFIG_MAPS, { ...made, data: { a } })),
  );
  expect(tries.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
});

test('a dry run answers as if, and changes nothing', async () => {
  const { transport } = api;
  const made = await transport.create(PODS, pod(), { dryRun: true });
  expect(made).toMatchObject({ spec: { restartPolicy: 'Always' } });
  await expect(transport.get(PODS, AT)).rejects.toMatchObject({ reason: 'NotFound' });
  await transport.create(PODS, pod());
  await expect(transport.create(PODS, pod(), { dryRun: true })).rejects.toMatchObject({
    reason: 'AlreadyExists',
  });
  const patch = { type: 'merge', body: { metadata: { labels } } } as const;
  const patched = await transport.patch(PODS, AT, patch, { dryRun: true });
  expect(patched.metadata.labels).toEqual(labels);
  expect((await transport.get(PODS, AT)).metadata).not.toHaveProperty('labels');
});

test('patches of three kinds', async () => {
  await api.transport.create(DEPLOYMENTS, deployment());
  const container = { name: 'side', image: 'busybox:2' };
  const body = { spec: { template: { spec: { containers: [container] } } } };
  const strategic = await api.transport.patch(DEPLOYMENTS, AT, { type: 'strategic', body });
  expect(strategic.spec.template.spec?.containers.map(({ name }) => name)).toEqual([
    'side',
    'main',
  ]);
  const merged = await api.transport.patch(DEPLOYMENTS, AT, { type: 'merge', body });
  expect(merged.spec.template.spec?.containers.map(({ name }) => name)).toEqual(['side']);
  const operation = [{ op: 'replace', path: '/spec/replicas', value: 4 }];
  const json = await api.transport.patch(DEPLOYMENTS, AT, { type: 'json', body: operation });
  expect(json.spec.replicas).toBe(4);
});

test('a patch that makes the object wrong is refused with the field', async () => {
  await api.transport.create(DEPLOYMENTS, deployment());
  const bad = { spec: { replicas: -1, selector: { matchLabels: { app: 'b' } } } };
  const call = api.transport.patch(DEPLOYMENTS, AT, { type: 'merge', body: bad });
  await expect(call).rejects.toMatchObject({
    reason: 'Invalid',
    message: expect.stringMatching(
      /^Deployment\.apps "a" is invalid: \[spec\.replicas: Invalid value: -1: must be greater/,
    ),
    details: { name: 'a', group: 'apps', kind: 'Deployment' },
  });
});

test('PUT makes what may be made so', async () => {
  const made = await api.transport.update(LEASES, { metadata: { ...AT }, spec: {} });
  expect(made.metadata.uid).toBeDefined();
  await expect(api.transport.update(CONFIG_MAPS, { metadata: { ...AT } })).rejects.toMatchObject({
    reason: 'NotFound',
  });
});

test('scale reads and writes the replicas of a deployment', async () => {
  await api.transport.create(DEPLOYMENTS, deployment(2));
  const call = api.callTo(DEPLOYMENTS, { ...AT, subresource: 'scale' });
  const { object: scale } = await api.registry.get(call);
  expect(scale).toMatchObject({
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    spec: { replicas: 2 },
    status: { replicas: 0, selector: 'app=a' },
  });
  const { object: more } = await api.registry.update(call, { ...scale, spec: { replicas: 3 } });
  expect(more).toMatchObject({ spec: { replicas: 3 } });
  await expect(
    api.registry.update(call, { ...scale, spec: { replicas: 4 } }),
  ).rejects.toMatchObject({ reason: 'Conflict' });
  const body = { spec: { replicas: 0 } };
  await api.registry.patch(call, { type: 'merge', body });
  const after = await api.transport.get(DEPLOYMENTS, AT);
  expect(after).toMatchObject({ spec: { replicas: 0 }, metadata: { generation: 3 } });
  const none = api.registry.get(api.callTo(NODES, { name: 'a', subresource: 'scale' }));
  await expect(none).rejects.toMatchObject({ reason: 'NotFound' });
});

test('a node is registered with the status that its kubelet gives', async () => {
  const node = { metadata: { name: 'n' }, spec: {}, status: { capacity: { cpu: '4000m' } } };
  const made = await api.transport.create(NODES, node);
  expect(made.status?.capacity).toEqual({ cpu: '4' });
});

test('stringData of a secret ends up in its data', async () => {
  const stringData = { word: 'open sesame' };
  const made = await api.transport.create(SECRETS, { metadata: { ...AT }, stringData });
  expect(made).toMatchObject({ type: 'Opaque', data: { word: 'b3BlbiBzZXNhbWU=' } });
  expect(made).not.toHaveProperty('stringData');
});

test('the stored bytes begin as watchers expect, without a revision', async () => {
  await api.transport.create(PODS, { ...pod(), metadata: { ...AT, labels } });
  const entry = await api.store.get('/registry/core/pods/default/a');
  const text = Buffer.from(entry!.value).toString();
  expect(text).toMatch(/^\{"kind":"Pod","apiVersion":"v1","metadata":\{/);
  expect(text).not.toContain('resourceVersion');
});
