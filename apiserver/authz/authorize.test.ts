import { expect, test } from 'vitest';
import type { Pod } from '../../proto/generated/core.v1.ts';
import type { ApiObject } from '../../proto/resource.ts';
import type { ObjectReader } from '../authn/object-reader.ts';
import { ANONYMOUS, AUTHENTICATED, MASTERS, type User } from '../authn/user.ts';
import { type Attributes, assertAllowed } from './attributes.ts';
import { authorizer } from './authorize.ts';

const readerOf = (objects: Readonly<Record<string, readonly object[]>>): ObjectReader => {
  const of = (plural: string) => (objects[plural] ?? []) as ApiObject[];
  const list = (({ plural }, namespace) =>
    of(plural).filter(
      (one) => !namespace || one.metadata.namespace === namespace,
    )) as ObjectReader['list'];
  const get = (({ plural }, { namespace, name }) =>
    of(plural).find(
      ({ metadata }) => metadata.name === name && metadata.namespace === namespace,
    )) as ObjectReader['get'];
  const podsOnNode: ObjectReader['podsOnNode'] = (nodeName, namespace) =>
    (of('pods') as Pod[]).filter(
      ({ metadata, spec }) => metadata.namespace === namespace && spec.nodeName === nodeName,
    );
  return { get, list, podsOnNode };
};

const user = (name: string, ...groups: string[]): User => ({
  name,
  groups: [...groups, AUTHENTICATED],
});

const pods = (verb: string, namespace?: string, name?: string): Attributes => ({
  verb,
  group: '',
  plural: 'pods',
  namespace,
  name,
});

const nobody = authorizer(readerOf({}));
const may = (who: User, what: Attributes, authorize = nobody) => authorize(who, what).allowed;

test('masters may do everything, anonymous only ask for health and version', () => {
  expect(may(user('ann', MASTERS), pods('delete', 'default'))).toBe(true);
  expect(may(ANONYMOUS, pods('list'))).toBe(false);
  expect(may(ANONYMOUS, { verb: 'get', path: '/readyz' })).toBe(true);
  expect(may(ANONYMOUS, { verb: 'get', path: '/readyz/store' })).toBe(true);
  expect(may(ANONYMOUS, { verb: 'get', path: '/apis' })).toBe(false);
  expect(may(ANONYMOUS, { verb: 'get', path: '/metrics' })).toBe(false);
  expect(may(user('ann'), { verb: 'get', path: '/apis/apps/v1' })).toBe(true);
});

test('the scheduler binds pods and reads nodes, but reads no secrets', () => {
  const scheduler = user('system:kube-scheduler');
  const binding: Attributes = { verb: 'create', group: '', plural: 'pods', subresource: 'binding' };
  expect(may(scheduler, binding)).toBe(true);
  expect(may(scheduler, { verb: 'list', group: '', plural: 'nodes' })).toBe(true);
  expect(may(scheduler, { verb: 'list', group: '', plural: 'secrets' })).toBe(false);
  expect(may(scheduler, pods('create', 'default'))).toBe(false);
});

test('a node writes its own Node and Lease, and no other', () => {
  const node = user('system:node:node-1', 'system:nodes');
  const write = (plural: string, name: string): Attributes => ({
    verb: 'patch',
    group: plural === 'leases' ? 'coordination.k8s.io' : '',
    plural,
    name,
    ...(plural === 'nodes' && { subresource: 'status' }),
  });
  expect(may(node, write('nodes', 'node-1'))).toBe(true);
  expect(may(node, write('nodes', 'node-2'))).toBe(false);
  expect(may(node, write('leases', 'node-1'))).toBe(true);
  expect(may(node, write('leases', 'node-2'))).toBe(false);
});

const podOn = (nodeName: string, name: string): object => ({
  metadata: { name, namespace: 'shop' },
  spec: {
    nodeName,
    volumes: [
      { name: 'v', projected: { sources: [{ configMap: { name: 'root-ca' } }] } },
      { name: 's', secret: { secretName: 'keys' } },
    ],
    imagePullSecrets: [{ name: 'pull' }],
    containers: [
      {
        name: 'c',
        env: [{ name: 'A', valueFrom: { secretKeyRef: { name: 'env', key: 'a' } } }],
        envFrom: [{ configMapRef: { name: 'all' } }],
      },
    ],
  },
});

test('a node reads the secrets and config maps of its own pods only, each by its name', () => {
  const authorize = authorizer(readerOf({ pods: [podOn('node-1', 'web')] }));
  const reads = (nodeName: string, plural: string, name?: string) =>
    may(
      user(`system:node:${nodeName}`, 'system:nodes'),
      { verb: 'watch', group: '', plural, namespace: 'shop', name },
      authorize,
    );
  for (const name of ['keys', 'pull', 'env']) expect(reads('node-1', 'secrets', name)).toBe(true);
  for (const name of ['root-ca', 'all']) expect(reads('node-1', 'configmaps', name)).toBe(true);
  expect(reads('node-1', 'secrets', 'other')).toBe(false);
  expect(reads('node-1', 'secrets')).toBe(false);
  expect(reads('node-2', 'secrets', 'keys')).toBe(false);
});

test('a node changes pods that are bound to it, and no others', () => {
  const authorize = authorizer(readerOf({ pods: [podOn('node-1', 'web'), podOn('node-2', 'db')] }));
  const node = user('system:node:node-1', 'system:nodes');
  const status = (name: string): Attributes => ({
    verb: 'patch',
    group: '',
    plural: 'pods',
    subresource: 'status',
    namespace: 'shop',
    name,
  });
  expect(may(node, status('web'), authorize)).toBe(true);
  expect(may(node, status('db'), authorize)).toBe(false);
  expect(may(node, pods('delete', 'shop', 'db'), authorize)).toBe(false);
  expect(may(node, pods('delete', 'shop', 'gone'), authorize)).toBe(true);
  expect(may(node, pods('get', 'shop', 'db'), authorize)).toBe(true);
});

test('a refusal reads as upstream has it', () => {
  const ann = user('ann');
  expect(() => assertAllowed(nobody, ann, pods('list', 'default'))).toThrow(
    'pods is forbidden: User "ann" cannot list resource "pods" in API group "" in the namespace "default"',
  );
  const logs: Attributes = { ...pods('get', 'a', 'x'), subresource: 'log' } as Attributes;
  expect(() => assertAllowed(nobody, ann, logs)).toThrow(
    'pods "x" is forbidden: User "ann" cannot get resource "pods/log" in API group "" in the namespace "a"',
  );
  const deployments: Attributes = { verb: 'list', group: 'apps', plural: 'deployments' };
  expect(() => assertAllowed(nobody, ann, deployments)).toThrow(
    'deployments.apps is forbidden: User "ann" cannot list resource "deployments" in API group "apps" at the cluster scope',
  );
  expect(() => assertAllowed(nobody, ann, { verb: 'get', path: '/metrics' })).toThrow(
    'forbidden: User "ann" cannot get path "/metrics"',
  );
});

const reading = { verbs: ['get', 'list'], apiGroups: [''], resources: ['pods', 'pods/log'] };

test('a role binding grants in its namespace, a cluster role binding everywhere', () => {
  const authorize = authorizer(
    readerOf({
      roles: [{ metadata: { name: 'reader', namespace: 'shop' }, rules: [reading] }],
      clusterroles: [{ metadata: { name: 'viewer' }, rules: [reading] }],
      rolebindings: [
        {
          metadata: { name: 'b', namespace: 'shop' },
          roleRef: { kind: 'Role', name: 'reader' },
          subjects: [{ kind: 'ServiceAccount', name: 'web' }],
        },
      ],
      clusterrolebindings: [
        {
          metadata: { name: 'c' },
          roleRef: { kind: 'ClusterRole', name: 'viewer' },
          subjects: [{ kind: 'Group', name: 'auditors' }],
        },
      ],
    }),
  );
  const web = user('system:serviceaccount:shop:web');
  expect(may(web, pods('list', 'shop'), authorize)).toBe(true);
  expect(may(web, pods('delete', 'shop', 'x'), authorize)).toBe(false);
  expect(may(web, pods('list', 'default'), authorize)).toBe(false);
  expect(may(web, pods('list'), authorize)).toBe(false);
  expect(may(user('system:serviceaccount:default:web'), pods('list', 'shop'), authorize)).toBe(
    false,
  );
  expect(may(user('bob', 'auditors'), pods('get', 'any', 'x'), authorize)).toBe(true);
  expect(may(user('bob', 'auditors'), pods('list'), authorize)).toBe(true);
});

test('a rule with names covers those names only, and never a list', () => {
  const rule = { verbs: ['*'], apiGroups: ['*'], resources: ['*'], resourceNames: ['one'] };
  const authorize = authorizer(
    readerOf({
      clusterroles: [{ metadata: { name: 'r' }, rules: [rule] }],
      clusterrolebindings: [
        {
          metadata: { name: 'c' },
          roleRef: { kind: 'ClusterRole', name: 'r' },
          subjects: [{ kind: 'User', name: 'bob' }],
        },
      ],
    }),
  );
  expect(may(user('bob'), pods('get', 'a', 'one'), authorize)).toBe(true);
  expect(may(user('bob'), pods('get', 'a', 'two'), authorize)).toBe(false);
  expect(may(user('bob'), pods('list', 'a'), authorize)).toBe(false);
});
