import { expect, test } from 'vitest';
import type { Deployment, DeploymentStatus, ReplicaSet } from '../../proto/generated/apps.v1.ts';
import { type CurrentSetNews, deploymentStatus, msUntilDeadline } from './deployment-status.ts';

const START_MS = Date.parse('2030-01-01T00:00:00Z');

const deploymentOf = (
  status?: DeploymentStatus,
  spec: Partial<Deployment['spec']> = {},
): Deployment => ({
  metadata: { name: 'web', namespace: 'default', uid: 'uid-web', generation: 2 },
  spec: {
    replicas: 3,
    progressDeadlineSeconds: 60,
    selector: {},
    template: { spec: { containers: [] } },
    ...spec,
  },
  ...(status && { status }),
});

const setOf = (name: string, replicas: number, available: number): ReplicaSet => ({
  metadata: { name, namespace: 'default', uid: name },
  spec: { replicas, selector: {} },
  status: { replicas, readyReplicas: available, availableReplicas: available },
});

const observe = (
  deployment: Deployment,
  current: ReplicaSet | undefined,
  { news, afterMs = 0 }: { news?: CurrentSetNews; afterMs?: number } = {},
) =>
  deploymentStatus({
    deployment,
    revisions: { current, old: [] },
    news,
    nowMs: START_MS + afterMs,
  });

const conditionOf = (status: DeploymentStatus, wanted: string) =>
  status.conditions?.find(({ type }) => type === wanted);

const created: CurrentSetNews = { type: 'created', name: 'web-1' };

test('a rollout goes from created over updated to available', () => {
  const first = observe(deploymentOf(), undefined, { news: created });
  expect(conditionOf(first, 'Progressing')).toMatchObject({
    status: 'True',
    reason: 'NewReplicaSetCreated',
  });
  expect(conditionOf(first, 'Available')).toMatchObject({
    status: 'False',
    reason: 'MinimumReplicasUnavailable',
  });
  const second = observe(deploymentOf(first), setOf('web-1', 3, 1));
  expect(conditionOf(second, 'Progressing')?.reason).toBe('ReplicaSetUpdated');
  const third = observe(deploymentOf(second), setOf('web-1', 3, 3));
  expect(third).toMatchObject({
    observedGeneration: 2,
    replicas: 3,
    updatedReplicas: 3,
    availableReplicas: 3,
  });
  expect(third.unavailableReplicas).toBeUndefined();
  expect(conditionOf(third, 'Progressing')?.reason).toBe('NewReplicaSetAvailable');
  expect(conditionOf(third, 'Available')?.reason).toBe('MinimumReplicasAvailable');
});

test('progress starts the deadline anew, standing still does not', () => {
  const first = observe(deploymentOf(), undefined, { news: created });
  const moved = observe(deploymentOf(first), setOf('web-1', 3, 1), { afterMs: 30_000 });
  const still = observe(deploymentOf(moved), setOf('web-1', 3, 1), { afterMs: 80_000 });
  expect(still).toEqual(moved);
  expect(msUntilDeadline(deploymentOf(still), still, START_MS + 80_000)).toBe(11_000);
  const late = observe(deploymentOf(still), setOf('web-1', 3, 1), { afterMs: 91_000 });
  expect(conditionOf(late, 'Progressing')).toMatchObject({
    status: 'False',
    reason: 'ProgressDeadlineExceeded',
  });
  expect(msUntilDeadline(deploymentOf(late), late, START_MS + 91_000)).toBeUndefined();
});

test('a rollout that was late may still end well', () => {
  const first = observe(deploymentOf(), undefined, { news: created });
  const late = observe(deploymentOf(first), setOf('web-1', 3, 0), { afterMs: 120_000 });
  const later = observe(deploymentOf(late), setOf('web-1', 3, 0), { afterMs: 181_000 });
  expect(conditionOf(later, 'Progressing')?.reason).toBe('ProgressDeadlineExceeded');
  const done = observe(deploymentOf(later), setOf('web-1', 3, 3), { afterMs: 190_000 });
  expect(conditionOf(done, 'Progressing')?.reason).toBe('NewReplicaSetAvailable');
});

test('a pause stops the deadline, going on starts it anew', () => {
  const first = observe(deploymentOf(), undefined, { news: created });
  const paused = observe(deploymentOf(first, { paused: true }), setOf('web-1', 3, 0));
  expect(conditionOf(paused, 'Progressing')).toMatchObject({
    status: 'Unknown',
    reason: 'DeploymentPaused',
  });
  const resumed = observe(deploymentOf(paused), setOf('web-1', 3, 0), { afterMs: 900_000 });
  expect(conditionOf(resumed, 'Progressing')?.reason).toBe('DeploymentResumed');
  expect(msUntilDeadline(deploymentOf(resumed), resumed, START_MS + 900_000)).toBe(61_000);
});

test('without a deadline nothing is said about progress', () => {
  const endless = deploymentOf(undefined, { progressDeadlineSeconds: 2_147_483_647 });
  expect(conditionOf(observe(endless, setOf('web-1', 3, 0)), 'Progressing')).toBeUndefined();
});

test('the failure of a set is repeated by its deployment', () => {
  const failing = setOf('web-1', 3, 0);
  failing.status!.conditions = [
    { type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message: 'quota' },
  ];
  expect(conditionOf(observe(deploymentOf(), failing), 'ReplicaFailure')).toMatchObject({
    reason: 'FailedCreate',
    message: 'quota',
  });
});
