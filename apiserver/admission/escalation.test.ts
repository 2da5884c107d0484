import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  CLUSTER_ROLE_BINDINGS,
  CLUSTER_ROLES,
  ROLE_BINDINGS,
  ROLES,
} from '../../proto/generated/resources.ts';
import type { Resource } from '../../proto/resource.ts';
import { type InProcessApi, startInProcessApi, TEST_ADMIN } from '../../test/in-process-api.ts';
import { AUTHENTICATED, type User } from '../authn/user.ts';
import { DEFAULT_ROLES } from '../registry/default-roles.ts';

const ann: User = { name: 'ann', groups: [AUTHENTICATED] };
const namespace = 'default';
const podReader = { apiGroups: [''], resources: ['pods'], verbs: ['get'] };
const nodeReader = { apiGroups: [''], resources: ['nodes'], verbs: ['get'] };

let api: InProcessApi;
beforeAll(async () => {
  api = await startInProcessApi();
  // Ann is the admin of one namespace.
  await create(TEST_ADMIN, ROLE_BINDINGS, binding('ann', 'ClusterRole', 'admin'));
});
afterAll(() => api.close());

const binding = (name: string, kind: string, role: string) => ({
  metadata: { name },
  roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind, name: role },
  subjects: [{ kind: 'User', name: 'ann' }],
});

function callOf(user: User, resource: Resource) {
  const kind = api.registry.kindOf(resource.group, resource.version, resource.plural)!;
  return { user, kind, namespace: resource.namespaced ? namespace : undefined };
}

const create = (user: User, resource: Resource, object: object) =>
  api.registry.create(callOf(user, resource), object);

test('who holds the rules may grant them on', async () => {
  await create(ann, ROLES, { metadata: { name: 'reader' }, rules: [podReader] });
  await create(ann, ROLE_BINDINGS, binding('reader', 'Role', 'reader'));
  await create(ann, ROLE_BINDINGS, binding('viewer', 'ClusterRole', 'view'));
});

test('who does not hold a rule can neither write it nor bind it', async () => {
  const role = { metadata: { name: 'nodes' }, rules: [podReader, nodeReader] };
  await expect(create(ann, ROLES, role)).rejects.toMatchObject({
    reason: 'Forbidden',
    message: expect.stringContaining('not currently held: {"apiGroups":[""],"resources":["nodes"]'),
  });
  const bound = create(ann, ROLE_BINDINGS, binding('all', 'ClusterRole', 'cluster-admin'));
  await expect(bound).rejects.toMatchObject({ reason: 'Forbidden' });
  const wide = create(ann, CLUSTER_ROLE_BINDINGS, binding('wide', 'ClusterRole', 'view'));
  await expect(wide).rejects.toMatchObject({ reason: 'Forbidden' });
  const sum = { metadata: { name: 'sum' }, aggregationRule: { clusterRoleSelectors: [{}] } };
  await expect(create(ann, CLUSTER_ROLES, sum)).rejects.toMatchObject({ reason: 'Forbidden' });
});

test('a role that does not exist cannot be bound in advance', async () => {
  const early = create(ann, ROLE_BINDINGS, binding('early', 'Role', 'later'));
  await expect(early).rejects.toMatchObject({ reason: 'NotFound' });
});

test('a change that leaves the rules alone is nobody else’s business', async () => {
  await create(TEST_ADMIN, ROLES, { metadata: { name: 'given' }, rules: [nodeReader] });
  const call = { ...callOf(ann, ROLES), name: 'given' };
  const label = { metadata: { labels: { a: 'b' } } };
  await api.registry.patch(call, { type: 'merge', body: label });
  const more = { rules: [nodeReader, { ...nodeReader, verbs: ['delete'] }] };
  const patched = api.registry.patch(call, { type: 'merge', body: more });
  await expect(patched).rejects.toMatchObject({ reason: 'Forbidden' });
});

test('the verbs bind and escalate lift the limit', async () => {
  const rules = [
    { apiGroups: ['rbac.authorization.k8s.io'], resources: ['roles'], verbs: ['escalate'] },
    {
      apiGroups: ['rbac.authorization.k8s.io'],
      resources: ['clusterroles'],
      resourceNames: ['system:node'],
      verbs: ['bind'],
    },
  ];
  await create(TEST_ADMIN, ROLES, { metadata: { name: 'trusted' }, rules });
  await create(TEST_ADMIN, ROLE_BINDINGS, binding('trusted', 'Role', 'trusted'));
  await create(ann, ROLES, { metadata: { name: 'more' }, rules: [nodeReader] });
  await create(ann, ROLE_BINDINGS, binding('node', 'ClusterRole', 'system:node'));
  const all = create(ann, ROLE_BINDINGS, binding('all', 'ClusterRole', 'cluster-admin'));
  await expect(all).rejects.toMatchObject({ reason: 'Forbidden' });
});

test('every cluster has the well-known roles, and each holds what it aggregates', async () => {
  const { items } = await api.registry.list(callOf(TEST_ADMIN, CLUSTER_ROLES), {});
  const names = items.map(({ object }) => object.metadata.name);
  const known = ['admin', 'cluster-admin', 'edit', 'system:discovery', 'view'];
  expect(names).toEqual(expect.arrayContaining(known));
  const rulesOf = (name: string) =>
    DEFAULT_ROLES.find(({ metadata }) => metadata.name === name)?.rules ?? [];
  expect(rulesOf('admin')).toEqual(expect.arrayContaining([...rulesOf('edit')]));
  expect(rulesOf('edit')).toEqual(expect.arrayContaining([...rulesOf('view')]));
  expect(JSON.stringify(rulesOf('view'))).not.toContain('secrets');
});
