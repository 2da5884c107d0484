import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Pod, PodSpec } from '../../proto/generated/core.v1.ts';
import { PODS, PRIORITY_CLASSES, SERVICE_ACCOUNTS } from '../../proto/generated/resources.ts';
import { type InProcessApi, startInProcessApi } from '../../test/in-process-api.ts';

let api: InProcessApi;
beforeEach(async () => {
  api = await startInProcessApi();
});
afterEach(() => api.close());

const make = (spec: Partial<PodSpec> = {}): Promise<Pod> =>
  api.transport.create<Pod>(PODS, {
    metadata: { namespace: 'default', name: 'p' },
    spec: { containers: [{ name: 'main', image: 'busybox:1' }], ...spec },
  });

const MOUNT_PATH = '/var/run/secrets/kubernetes.io/serviceaccount';

test('a pod finds its token, the CA and its namespace mounted', async () => {
  const { spec } = await make({ initContainers: [{ name: 'first', image: 'busybox:1' }] });
  expect(spec.volumes).toHaveLength(1);
  const { name, projected } = spec.volumes![0]!;
  expect(name).toMatch(/^kube-api-access-[a-z0-9]{5}$/);
  expect(projected?.sources).toMatchObject([
    { serviceAccountToken: { expirationSeconds: 3607, path: 'token' } },
    { configMap: { name: 'kube-root-ca.crt' } },
    { downwardAPI: { items: [{ path: 'namespace' }] } },
  ]);
  const mount = { name, readOnly: true, mountPath: MOUNT_PATH };
  expect(spec.containers[0]?.volumeMounts).toEqual([mount]);
  expect(spec.initContainers?.[0]?.volumeMounts).toEqual([mount]);
});

test('pod, account and a mount of their own can decline the token', async () => {
  expect((await make({ automountServiceAccountToken: false })).spec).not.toHaveProperty('volumes');
  const metadata = { namespace: 'default', name: 'shy' };
  await api.transport.create(SERVICE_ACCOUNTS, { metadata, automountServiceAccountToken: false });
  await api.transport.delete(PODS, { namespace: 'default', name: 'p' });
  expect((await make({ serviceAccountName: 'shy' })).spec).not.toHaveProperty('volumes');
  await api.transport.delete(PODS, { namespace: 'default', name: 'p' });
  const own = { name: 'mine', mountPath: MOUNT_PATH };
  const containers = [{ name: 'main', image: 'busybox:1', volumeMounts: [own] }];
  const { spec } = await make({ containers, volumes: [{ name: 'mine', emptyDir: {} }] });
  expect(spec.volumes?.map(({ name }) => name)).toEqual(['mine']);
});

test('an account lends its pull secrets', async () => {
  const metadata = { namespace: 'default', name: 'puller' };
  await api.transport.create(SERVICE_ACCOUNTS, { metadata, imagePullSecrets: [{ name: 's' }] });
  const { spec } = await make({ serviceAccountName: 'puller' });
  expect(spec.imagePullSecrets).toEqual([{ name: 's' }]);
});

test('a pod without its account is refused', async () => {
  await expect(make({ serviceAccountName: 'nobody' })).rejects.toMatchObject({
    reason: 'Forbidden',
    message:
      'pods "p" is forbidden: error looking up service account default/nobody: serviceaccount ' +
      '"nobody" not found',
  });
});

test('a pod bears a failing node for five minutes, or as it says', async () => {
  const own = {
    key: 'node.kubernetes.io/not-ready',
    effect: 'NoExecute' as const,
    operator: 'Exists' as const,
  };
  const { spec } = await make({ tolerations: [{ ...own, tolerationSeconds: 5 }] });
  expect(spec.tolerations).toEqual([
    { ...own, tolerationSeconds: 5 },
    { ...own, key: 'node.kubernetes.io/unreachable', tolerationSeconds: 300 },
  ]);
});

test('who tolerates everything gets no more tolerations', async () => {
  const { spec } = await make({ tolerations: [{ operator: 'Exists' }] });
  expect(spec.tolerations).toHaveLength(1);
});

test('the account of a new namespace is waited for', async () => {
  const at = { namespace: 'kube-public', name: 'default' };
  const pod = {
    metadata: { ...at, name: 'p' },
    spec: { containers: [{ name: 'a', image: 'a:1' }] },
  };
  const made = api.transport.create(PODS, pod);
  await api.transport.create(SERVICE_ACCOUNTS, { metadata: at });
  await expect(made).resolves.toMatchObject({ spec: { serviceAccountName: 'default' } });
});

test('a class of priority becomes a number', async () => {
  expect((await make({ priorityClassName: 'system-node-critical' })).spec.priority).toBe(
    2_000_001_000,
  );
  await api.transport.delete(PODS, { namespace: 'default', name: 'p' });
  const high = { metadata: { name: 'high' }, value: 1000, preemptionPolicy: 'Never' };
  await api.transport.create(PRIORITY_CLASSES, high);
  const { spec } = await make({ priorityClassName: 'high' });
  expect(spec).toMatchObject({ priority: 1000, preemptionPolicy: 'Never' });
});

test('a class that is not there, or a number that is not its own, is refused', async () => {
  await expect(make({ priorityClassName: 'none' })).rejects.toMatchObject({
    message: 'pods "p" is forbidden: no PriorityClass with name none was found',
  });
  await expect(make({ priority: 7 })).rejects.toMatchObject({
    message: expect.stringContaining('the integer value of priority (7) must not be provided'),
  });
});

test('the class that is the default names itself', async () => {
  const base = { metadata: { name: 'base' }, value: 10, globalDefault: true };
  await api.transport.create(PRIORITY_CLASSES, base);
  await expect.poll(() => api.hub.cacheOf(PRIORITY_CLASSES).get('base')).toBeDefined();
  expect((await make()).spec).toMatchObject({ priority: 10, priorityClassName: 'base' });
});
