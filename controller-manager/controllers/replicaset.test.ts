import { expect, test } from 'vitest';
import type { ReplicaSet } from '../../proto/generated/apps.v1.ts';
import type { Pod } from '../../proto/generated/core.v1.ts';
import { byLossAscending, countByNode } from '../pod-ranking.ts';
import { planReplicas } from './replicaset.ts';
import { replicaSetStatus, secondsUntilAvailable } from './replicaset-status.ts';

const NOW_MS = Date.parse('2030-01-01T00:01:00Z');

const setOf = (spec: Partial<ReplicaSet['spec']> = {}): ReplicaSet => ({
  metadata: { name: 'web', namespace: 'default', uid: 'uid-web', generation: 3 },
  spec: { replicas: 1, selector: { matchLabels: { app: 'web' } }, ...spec },
});

const podOf = (
  name: string,
  parts: Omit<Partial<Pod>, 'metadata'> & Partial<Pick<Pod, 'metadata'>> = {},
): Pod => ({
  spec: { containers: [] },
  status: { phase: 'Pending' },
  ...parts,
  metadata: { namespace: 'default', uid: name, ...parts.metadata, name },
});

const running = (name: string, readySince?: string, nodeName = 'n1'): Pod =>
  podOf(name, {
    spec: { nodeName, containers: [] },
    status: {
      phase: 'Running',
      conditions: [
        {
          type: 'Ready',
          status: readySince === undefined ? 'False' : 'True',
          ...(readySince !== undefined && { lastTransitionTime: readySince }),
        },
      ],
    },
  });

const namesOf = (pods: readonly Pod[]) => pods.map(({ metadata }) => metadata.name);

test('a set with too few pods creates the difference', () => {
  expect(planReplicas(setOf({ replicas: 3 }), [podOf('a')])).toEqual({ create: 2, remove: [] });
});

test('no more than a burst is created or removed at once', () => {
  expect(planReplicas(setOf({ replicas: 2000 }), []).create).toBe(500);
  const many = Array.from({ length: 600 }, (_, i) => podOf(`p${i}`));
  expect(planReplicas(setOf({ replicas: 0 }), many).remove).toHaveLength(500);
});

test('finished and deleting pods do not count', () => {
  const failed = podOf('failed', { status: { phase: 'Failed' } });
  const leaving = podOf('leaving', {
    metadata: { name: 'leaving', deletionTimestamp: '2030-01-01T00:00:00Z' },
  });
  expect(planReplicas(setOf({ replicas: 1 }), [failed, leaving])).toEqual({
    create: 1,
    remove: [],
  });
});

test('pods go in the order of what is lost with them', () => {
  const old = running('old', '2030-01-01T00:00:00Z');
  const young = running('young', '2030-01-01T00:00:30Z');
  const unready = running('unready');
  const bound = podOf('bound', { spec: { nodeName: 'n1', containers: [] } });
  const pending = podOf('pending');
  const order = byLossAscending([old, young, unready, bound, pending]);
  expect(namesOf(order)).toEqual(['pending', 'bound', 'unready', 'young', 'old']);
});

test('a cheaper pod goes before a younger one, and a crowded node gives before an empty one', () => {
  const cheap = running('cheap', '2030-01-01T00:00:00Z');
  cheap.metadata.annotations = { 'controller.kubernetes.io/pod-deletion-cost': '-5' };
  const alone = running('alone', '2030-01-01T00:00:30Z', 'n2');
  const crowded = running('crowded', '2030-01-01T00:00:10Z');
  const pods = [alone, crowded, cheap];
  const order = byLossAscending(pods, countByNode(pods));
  expect(namesOf(order)).toEqual(['cheap', 'crowded', 'alone']);
});

test('a pod is available when it has been ready for long enough', () => {
  const set = setOf({ replicas: 2, minReadySeconds: 20 });
  const pods = [running('a', '2030-01-01T00:00:10Z'), running('b', '2030-01-01T00:00:55Z')];
  const status = replicaSetStatus({ set, pods, nowMs: NOW_MS, failure: undefined });
  expect(status).toMatchObject({
    replicas: 2,
    readyReplicas: 2,
    availableReplicas: 1,
    observedGeneration: 3,
  });
  expect(secondsUntilAvailable(set, pods, NOW_MS)).toBe(15);
});

test('a failure is a condition while it lasts', () => {
  const failure = { reason: 'FailedCreate', error: new Error('quota') } as const;
  const failed = replicaSetStatus({ set: setOf(), pods: [], nowMs: NOW_MS, failure });
  expect(failed.conditions).toMatchObject([
    { type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message: 'quota' },
  ]);
  const set = { ...setOf(), status: failed };
  const healed = replicaSetStatus({ set, pods: [], nowMs: NOW_MS, failure: undefined });
  expect(healed.conditions).toBeUndefined();
});
