import { expect, test } from 'vitest';
import type {
  Namespace,
  Node,
  Pod,
  Secret,
  ServiceAccount,
} from '../../proto/generated/core.v1.ts';
import type { ApiObject } from '../../proto/resource.ts';
import { planToken } from './account-tokens.ts';
import { type OwnerState, planGarbage } from './garbage-plan.ts';
import { planNamespaceStatus } from './namespace.ts';
import { planSilence, planTaints } from './node-lifecycle-plan.ts';
import { planPodGarbage } from './pod-gc.ts';
import { planRootCa } from './root-ca.ts';
import { planEviction } from './taint-eviction.ts';

const NOW_MS = Date.parse('2030-01-01T00:01:00Z');
const AT = '2030-01-01T00:01:00Z';

const nodeOf = (ready?: 'True' | 'False' | 'Unknown', spec: Node['spec'] = {}): Node => ({
  metadata: { name: 'n1' },
  spec,
  status: { conditions: ready === undefined ? [] : [{ type: 'Ready', status: ready }] },
});

test('a silent node is Unknown in all that its kubelet vouched for, and stays so', () => {
  const conditions = planSilence(nodeOf('True'), NOW_MS);
  expect(conditions?.map(({ type, status }) => `${type}=${status}`)).toEqual([
    'Ready=Unknown',
    'MemoryPressure=Unknown',
    'DiskPressure=Unknown',
    'PIDPressure=Unknown',
  ]);
  expect(conditions?.[0]).toMatchObject({ reason: 'NodeStatusUnknown', lastTransitionTime: AT });
  const silent = { ...nodeOf(), status: { conditions: [...(conditions ?? [])] } };
  expect(planSilence(silent, NOW_MS + 60_000)).toBeUndefined();
});

test('taints follow the conditions, and those of others stay', () => {
  const mine = { key: 'dedicated', value: 'gpu', effect: 'NoSchedule' } as const;
  const taints = planTaints(nodeOf('Unknown', { taints: [mine], unschedulable: true }), {
    mayEvict: true,
    nowMs: NOW_MS,
  });
  expect(taints).toEqual([
    mine,
    { key: 'node.kubernetes.io/unreachable', effect: 'NoSchedule', timeAdded: AT },
    { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule', timeAdded: AT },
    { key: 'node.kubernetes.io/unreachable', effect: 'NoExecute', timeAdded: AT },
  ]);
  const again = { mayEvict: true, nowMs: NOW_MS + 5000 };
  const tainted = nodeOf('Unknown', { taints: [...(taints ?? [])], unschedulable: true });
  expect(planTaints(tainted, again)).toBeUndefined();
  const well = nodeOf('True', { taints: [...(taints ?? [])] });
  expect(planTaints(well, again)).toEqual([mine]);
});

test('no pod is evicted while every node seems lost', () => {
  const taints = planTaints(nodeOf('Unknown'), { mayEvict: false, nowMs: NOW_MS });
  expect(taints?.map(({ effect }) => effect)).toEqual(['NoSchedule']);
});

test('a pod stays as long as it tolerates the taint, counted from when that was added', () => {
  const taint = {
    key: 'node.kubernetes.io/unreachable',
    effect: 'NoExecute',
    timeAdded: AT,
  } as const;
  const { key } = taint;
  expect(planEviction([], [taint])).toBe(0);
  expect(planEviction([], [{ ...taint, effect: 'NoSchedule' }])).toBeUndefined();
  expect(planEviction([{ operator: 'Exists' }], [taint])).toBeUndefined();
  const patient = { key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 } as const;
  expect(planEviction([patient], [taint])).toBe(NOW_MS + 300_000);
  expect(planEviction([patient], [taint, { key: 'other', effect: 'NoExecute' }])).toBe(0);
});

const podOf = (
  name: string,
  parts: { nodeName?: string; phase?: 'Failed'; deleting?: true } = {},
): Pod => ({
  metadata: { name, creationTimestamp: name, ...(parts.deleting && { deletionTimestamp: AT }) },
  spec: { containers: [], ...(parts.nodeName !== undefined && { nodeName: parts.nodeName }) },
  status: { phase: parts.phase ?? 'Running' },
});

test('pods without a node to end them are garbage, and so are too many finished ones', () => {
  const fine = podOf('fine', { nodeName: 'n1' });
  const lost = podOf('lost', { nodeName: 'gone' });
  const unbound = podOf('unbound', { deleting: true });
  const done = [podOf('d1', { phase: 'Failed' }), podOf('d2', { phase: 'Failed' })];
  const plan = planPodGarbage([fine, lost, unbound, ...done], new Set(['n1']), 1);
  expect(plan).toEqual({ orphaned: [lost], unbound: [unbound], surplus: [done[0]] });
});

const owned = (states: readonly OwnerState[], finalizers: string[] = []) => {
  const references = states.map((_, i) => ({
    apiVersion: 'v1',
    kind: 'Pod',
    name: '',
    uid: `${i}`,
  }));
  const object: ApiObject = { metadata: { name: 'x', finalizers, ownerReferences: references } };
  const owners = states.map((state, i) => ({ reference: references[i]!, state }));
  return { object, owners, hasDependents: false, hasBlockingDependents: false };
};

test('an object goes with its last owner, and only then', () => {
  expect(planGarbage(owned([]))).toEqual({ type: 'keep' });
  expect(planGarbage(owned(['solid']))).toEqual({ type: 'keep' });
  expect(planGarbage(owned(['solid', 'absent']))).toEqual({ type: 'unlink', uids: ['1'] });
  expect(planGarbage(owned(['absent']))).toEqual({ type: 'delete', propagation: 'Background' });
});

test('below an owner that waits, deletion goes on in the foreground', () => {
  const request = { ...owned(['waiting']), hasDependents: true };
  expect(planGarbage(request)).toEqual({ type: 'delete', propagation: 'Foreground' });
});

test('a foreground deletion waits for what blocks it; an orphaning one lets go', () => {
  const waiting = owned([], ['foregroundDeletion']);
  waiting.object.metadata.deletionTimestamp = AT;
  expect(planGarbage({ ...waiting, hasBlockingDependents: true })).toEqual({ type: 'keep' });
  expect(planGarbage(waiting)).toEqual({ type: 'release' });
  const orphaning = owned([], ['orphan']);
  orphaning.object.metadata.deletionTimestamp = AT;
  expect(planGarbage(orphaning)).toEqual({ type: 'orphan' });
});

test('a namespace tells what it still waits for', () => {
  const namespace: Namespace = { metadata: { name: 'x' }, spec: {} };
  const left = [{ resource: 'pods', count: 2, finalizers: new Map([['a/b', 1]]) }];
  const status = planNamespaceStatus(namespace, left, NOW_MS);
  expect(status.phase).toBe('Terminating');
  expect(status.conditions?.map(({ type, status: is }) => `${type}=${is}`)).toEqual([
    'NamespaceContentRemaining=True',
    'NamespaceFinalizersRemaining=True',
  ]);
  expect(status.conditions?.[0]?.message).toContain('pods has 2 resource instances');
  expect(planNamespaceStatus({ ...namespace, status }, left, NOW_MS + 9000)).toEqual(status);
});

test('the published certificate is put right, and left alone when it is', () => {
  const at = { namespace: 'x', rootCa: 'PEM' };
  const made = planRootCa(undefined, at);
  expect(made).toMatchObject({ metadata: { name: 'kube-root-ca.crt' }, data: { 'ca.crt': 'PEM' } });
  expect(planRootCa(made, at)).toBeUndefined();
  expect(planRootCa({ ...made!, data: { 'ca.crt': 'other' } }, at)).toEqual(made);
});

test('a token secret is filled once, and goes with its account', () => {
  const account: ServiceAccount = { metadata: { name: 'a', uid: 'u1' } };
  const empty: Secret = { metadata: { name: 's' } };
  expect(planToken(empty, undefined, NOW_MS)).toBe('leave');
  expect(planToken(empty, account, NOW_MS)).toBe('fill');
  const annotations = {
    'kubernetes.io/service-account.uid': 'u1',
    'wherry.io/token-renew-after': '2030-01-02T00:00:00Z',
  };
  const data = { token: 'dA==', namespace: 'eA==', 'ca.crt': 'eQ==' };
  const full: Secret = { metadata: { name: 's', annotations }, data };
  expect(planToken(full, account, NOW_MS)).toBe('leave');
  expect(planToken(full, account, NOW_MS + 2 * 86_400_000)).toBe('fill');
  expect(planToken(full, undefined, NOW_MS)).toBe('delete');
  expect(planToken(full, { metadata: { name: 'a', uid: 'u2' } }, NOW_MS)).toBe('delete');
});
