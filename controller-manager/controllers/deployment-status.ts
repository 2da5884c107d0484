// Deployment, the report: counts and the conditions Available, Progressing and ReplicaFailure,
// with the reasons that `kubectl rollout status` reads. Pure.

import { timestampOf } from '../../machinery/clock.ts';
import type {
  Deployment,
  DeploymentCondition,
  DeploymentStatus,
  ReplicaSet,
} from '../../proto/generated/apps.v1.ts';
import { nonZero } from '../counts.ts';
import { limitsOf, type Revisions, replicasOf, withCurrent } from './deployment-rollout.ts';

/** progressDeadlineSeconds that means none: the largest int32. */
const NO_DEADLINE = 2_147_483_647;
const DEADLINE_DEFAULT_SECONDS = 600;

/** A rollout that ended, well or not, has no deadline any more. */
const SETTLED = new Set(['ProgressDeadlineExceeded', 'NewReplicaSetAvailable']);

/** What happened to the current set in this very reconcile. */
export type CurrentSetNews =
  | { readonly type: 'created'; readonly name: string }
  | { readonly type: 'refused'; readonly message: string }
  | undefined;

export interface Observation {
  readonly deployment: Deployment;
  readonly revisions: Revisions;
  readonly news: CurrentSetNews;
  readonly nowMs: number;
}

type Verdict = Pick<DeploymentCondition, 'type' | 'status' | 'reason' | 'message'> & {
  /** Said again, and true again: the clock of the deadline starts anew. */
  readonly isRenewed?: true;
};

export function deploymentStatus(observation: Observation): DeploymentStatus {
  const { deployment, revisions, nowMs } = observation;
  const counts = countsOf(deployment, revisions);
  const before = deployment.status?.conditions ?? [];
  const verdicts = [
    availability(deployment, counts),
    progress(observation, counts),
    failure(revisions),
  ].filter((verdict) => verdict !== undefined);
  const kept = verdicts.map((verdict) =>
    settled(
      verdict,
      before.find(({ type }) => type === verdict.type),
      nowMs,
    ),
  );
  const judged = new Set(['Available', 'Progressing', 'ReplicaFailure']);
  const collisionCount = deployment.status?.collisionCount;
  return {
    ...counts,
    ...(collisionCount !== undefined && { collisionCount }),
    conditions: [...before.filter(({ type }) => !judged.has(type)), ...kept],
  };
}

/** All pods are new, none is missing and none is left over. */
export function isComplete({ spec, metadata }: Deployment, status: DeploymentStatus): boolean {
  const replicas = spec.replicas ?? 1;
  return (
    (status.updatedReplicas ?? 0) === replicas &&
    (status.replicas ?? 0) === replicas &&
    (status.availableReplicas ?? 0) === replicas &&
    (status.observedGeneration ?? 0) >= (metadata.generation ?? 0)
  );
}

/** Until the deadline of a rollout that does not move; undefined when none runs. */
export function msUntilDeadline(
  deployment: Deployment,
  status: DeploymentStatus,
  nowMs: number,
): number | undefined {
  const deadline = deadlineSeconds(deployment);
  const condition = progressingOf(status);
  if (deadline === undefined || condition === undefined || deployment.spec.paused) return undefined;
  if (isComplete(deployment, status) || SETTLED.has(condition.reason ?? '')) return undefined;
  const sinceMs = Date.parse(condition.lastUpdateTime ?? '');
  // The condition has whole seconds: look a second later, when time is surely up.
  return Math.max(0, sinceMs + (deadline + 1) * 1000 - nowMs);
}

function countsOf(deployment: Deployment, { current, old }: Revisions): DeploymentStatus {
  const all = withCurrent(old, current);
  const wanted = all.reduce((count, set) => count + replicasOf(set), 0);
  const available = sum(all, (status) => status.availableReplicas ?? 0);
  const { generation } = deployment.metadata;
  return {
    ...nonZero({
      observedGeneration: generation ?? 0,
      replicas: sum(all, (status) => status.replicas),
      updatedReplicas: current?.status?.replicas ?? 0,
      readyReplicas: sum(all, (status) => status.readyReplicas ?? 0),
      availableReplicas: available,
      unavailableReplicas: Math.max(0, wanted - available),
    }),
    terminatingReplicas: sum(all, (status) => status.terminatingReplicas ?? 0),
  };
}

function availability(
  deployment: Deployment,
  { availableReplicas = 0 }: DeploymentStatus,
): Verdict {
  const { replicas, maxUnavailable } = limitsOf(deployment);
  return availableReplicas >= replicas - maxUnavailable
    ? {
        type: 'Available',
        status: 'True',
        reason: 'MinimumReplicasAvailable',
        message: 'Deployment has minimum availability.',
      }
    : {
        type: 'Available',
        status: 'False',
        reason: 'MinimumReplicasUnavailable',
        message: 'Deployment does not have minimum availability.',
      };
}

/** Undefined: no deadline, so nothing is said about progress. */
function progress(observation: Observation, counts: DeploymentStatus): Verdict | undefined {
  const { deployment, revisions, news, nowMs } = observation;
  const deadline = deadlineSeconds(deployment);
  if (deadline === undefined) return undefined;
  const before = progressingOf(deployment.status);
  if (news?.type === 'refused') return no('ReplicaSetCreateError', news.message);
  if (news?.type === 'created') {
    return yes('NewReplicaSetCreated', `Created new replica set "${news.name}"`);
  }
  const pause = pauseVerdict(deployment, before);
  if (pause !== undefined) return pause;
  const { current } = revisions;
  const subject = current
    ? `ReplicaSet "${current.metadata.name}"`
    : `Deployment "${deployment.metadata.name}"`;
  if (before === undefined && current !== undefined) {
    return yes('FoundNewReplicaSet', `Found new replica set "${current.metadata.name}"`);
  }
  const wasComplete = before?.reason === 'NewReplicaSetAvailable';
  if (wasComplete && counts.replicas === counts.updatedReplicas) return before as Verdict;
  if (isComplete(deployment, counts)) {
    return yes('NewReplicaSetAvailable', `${subject} has successfully progressed.`);
  }
  if (isMoving(counts, deployment.status)) {
    return { ...yes('ReplicaSetUpdated', `${subject} is progressing.`), isRenewed: true };
  }
  if (before !== undefined && isTimedOut(before, deadline, nowMs)) {
    return no('ProgressDeadlineExceeded', `${subject} has timed out progressing.`);
  }
  return before as Verdict | undefined;
}

/** A pause stops the clock of the deadline; going on starts it anew. */
function pauseVerdict(
  { spec }: Deployment,
  before: DeploymentCondition | undefined,
): Verdict | undefined {
  if (before?.reason === 'ProgressDeadlineExceeded') return undefined;
  const wasPaused = before?.reason === 'DeploymentPaused';
  if (spec.paused) return unknown('DeploymentPaused', 'Deployment is paused');
  return wasPaused ? unknown('DeploymentResumed', 'Deployment is resumed') : undefined;
}

function isMoving(now: DeploymentStatus, before: DeploymentStatus = {}): boolean {
  const oldOf = ({ replicas = 0, updatedReplicas = 0 }: DeploymentStatus) =>
    replicas - updatedReplicas;
  return (
    (now.updatedReplicas ?? 0) > (before.updatedReplicas ?? 0) ||
    oldOf(now) < oldOf(before) ||
    (now.readyReplicas ?? 0) > (before.readyReplicas ?? 0) ||
    (now.availableReplicas ?? 0) > (before.availableReplicas ?? 0)
  );
}

function isTimedOut(before: DeploymentCondition, deadline: number, nowMs: number): boolean {
  if (before.reason === 'ProgressDeadlineExceeded') return true;
  if (before.reason === 'NewReplicaSetAvailable' || before.reason === 'DeploymentPaused') {
    return false;
  }
  return nowMs > Date.parse(before.lastUpdateTime ?? '') + deadline * 1000;
}

/** A set that cannot make its pods says so itself; its Deployment repeats it. */
function failure({ current, old }: Revisions): Verdict | undefined {
  const failing = [...(current === undefined ? [] : [current]), ...old]
    .flatMap((set) => set.status?.conditions ?? [])
    .find(({ type, status }) => type === 'ReplicaFailure' && status === 'True');
  if (failing === undefined) return undefined;
  const { reason = '', message = '' } = failing;
  return { type: 'ReplicaFailure', status: 'True', reason, message };
}

/** Times: of the update when the reason is new, of the transition when the status is. */
function settled(
  { isRenewed = false, ...verdict }: Omit<Verdict, 'isRenewed'> & { readonly isRenewed?: boolean },
  before: DeploymentCondition | undefined,
  nowMs: number,
): DeploymentCondition {
  const isSame =
    before !== undefined &&
    before.status === verdict.status &&
    before.reason === verdict.reason &&
    before.message === verdict.message;
  if (isSame && !isRenewed) return before;
  const now = timestampOf(nowMs);
  const lastTransitionTime = before?.status === verdict.status ? before.lastTransitionTime : now;
  return {
    ...verdict,
    lastUpdateTime: now,
    ...(lastTransitionTime !== undefined && { lastTransitionTime }),
  };
}

function deadlineSeconds({ spec }: Deployment): number | undefined {
  const seconds = spec.progressDeadlineSeconds ?? DEADLINE_DEFAULT_SECONDS;
  return seconds === NO_DEADLINE ? undefined : seconds;
}

const progressingOf = (status: DeploymentStatus | undefined): DeploymentCondition | undefined =>
  status?.conditions?.find(({ type }) => type === 'Progressing');

const verdict =
  (status: DeploymentCondition['status']) =>
  (reason: string, message: string): Verdict => ({ type: 'Progressing', status, reason, message });

const yes = verdict('True');
const no = verdict('False');
const unknown = verdict('Unknown');

const sum = (
  sets: readonly ReplicaSet[],
  of: (status: NonNullable<ReplicaSet['status']>) => number,
): number => sets.reduce((total, set) => total + (set.status ? of(set.status) : 0), 0);
