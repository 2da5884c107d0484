// Deployment, the policy: how many replicas each ReplicaSet should have next. Pure.
//
//   never more than   replicas + maxSurge pods
//   never fewer than  replicas - maxUnavailable available ones
//
// Every step is computed from what is observed, and is safe on its own: nothing depends on an
// earlier step having been seen by everybody.

import { isPercent, scaled } from '../../machinery/int-or-string.ts';
import type { Deployment, ReplicaSet } from '../../proto/generated/apps.v1.ts';

export const DESIRED_ANNOTATION = 'deployment.kubernetes.io/desired-replicas';
export const MAX_ANNOTATION = 'deployment.kubernetes.io/max-replicas';

/** What a rolling update may use where the spec is silent, as upstream defaults it. */
const DEFAULT_SHARE = '25%';

/** The sets of a Deployment: the one with its present template, and the others, oldest first. */
export interface Revisions {
  readonly current: ReplicaSet | undefined;
  readonly old: readonly ReplicaSet[];
}

export interface Limits {
  readonly replicas: number;
  readonly maxSurge: number;
  readonly maxUnavailable: number;
}

export interface Scale {
  readonly set: ReplicaSet;
  readonly replicas: number;
}

export interface RolloutPlan {
  /** Replicas of the set to create for the present template; absent: create none now. */
  readonly create?: number;
  readonly scales: readonly Scale[];
}

export function limitsOf({ spec }: Deployment): Limits {
  const replicas = spec.replicas ?? 1;
  if (isRecreate(spec)) return { replicas, maxSurge: 0, maxUnavailable: 0 };
  const { maxSurge = DEFAULT_SHARE, maxUnavailable = DEFAULT_SHARE } =
    spec.strategy?.rollingUpdate ?? {};
  const surge = shareOf(maxSurge, replicas, 'up');
  const unavailable = shareOf(maxUnavailable, replicas, 'down');
  // Both may round to nothing: then one pod has to go first, or the rollout could never move.
  const spare = surge === 0 && unavailable === 0 ? 1 : unavailable;
  return { replicas, maxSurge: surge, maxUnavailable: Math.min(spare, replicas) };
}

export function planRollout(
  deployment: Deployment,
  revisions: Revisions,
  /** Pods of old sets that have not ended yet: what Recreate waits for. */
  hasOldPods: boolean,
): RolloutPlan {
  const { spec } = deployment;
  if (spec.paused === true || isScaled(deployment, revisions)) {
    return { scales: planProportional(deployment, revisions) };
  }
  return isRecreate(spec)
    ? planRecreate(deployment, revisions, hasOldPods)
    : planRolling(deployment, revisions);
}

/** spec.replicas is no longer what the sets were last scaled for. */
function isScaled({ spec }: Deployment, { current, old }: Revisions): boolean {
  const desired = spec.replicas ?? 1;
  return withCurrent(old, current).some((set) => {
    const noted = set.metadata.annotations?.[DESIRED_ANNOTATION];
    return replicasOf(set) > 0 && noted !== undefined && Number(noted) !== desired;
  });
}

/** Old ones down to nothing, wait until their pods have ended, then the new one up. */
function planRecreate(
  deployment: Deployment,
  { current, old }: Revisions,
  hasOldPods: boolean,
): RolloutPlan {
  const active = old.filter((set) => replicasOf(set) > 0);
  if (active.length > 0) return { scales: active.map((set) => ({ set, replicas: 0 })) };
  if (hasOldPods) return { scales: [] };
  const { replicas } = limitsOf(deployment);
  if (current === undefined) return { create: replicas, scales: [] };
  return { scales: changed([{ set: current, replicas }]) };
}

function planRolling(deployment: Deployment, revisions: Revisions): RolloutPlan {
  const { current } = revisions;
  const limits = limitsOf(deployment);
  const next = nextReplicas(limits, revisions);
  const scales = planScaleDown(limits, revisions);
  if (current === undefined) return { create: next, scales };
  return { scales: changed([{ set: current, replicas: next }, ...scales]) };
}

/** Replicas of the current set: as many more as the surge allows. */
function nextReplicas({ replicas, maxSurge }: Limits, { current, old }: Revisions): number {
  const now = current === undefined ? 0 : replicasOf(current);
  if (now >= replicas) return replicas;
  const room = replicas + maxSurge - sum(withCurrent(old, current), presentOf);
  return Math.min(replicas, now + Math.max(0, room));
}

/** First pods that are of no use anyhow, then as many available ones as may be missed. */
function planScaleDown(
  { replicas, maxUnavailable }: Limits,
  { current, old }: Revisions,
): readonly Scale[] {
  const all = withCurrent(old, current);
  const minAvailable = replicas - maxUnavailable;
  const unavailableNew =
    current === undefined ? 0 : Math.max(0, replicasOf(current) - availableOf(current));
  const spare = sum(all, replicasOf) - minAvailable - unavailableNew;
  if (spare <= 0) return [];

  const targets = new Map(old.map((set) => [set, replicasOf(set)]));
  let broken = spare;
  for (const set of old) {
    const cut = Math.min(broken, replicasOf(set) - availableOf(set));
    targets.set(set, replicasOf(set) - cut);
    broken -= cut;
  }
  let healthy = sum(all, availableOf) - minAvailable;
  for (const set of old) {
    const target = targets.get(set)!;
    const cut = Math.max(0, Math.min(healthy, target));
    targets.set(set, target - cut);
    healthy -= cut;
  }
  return changed([...targets].map(([set, target]) => ({ set, replicas: target })));
}

/**
 * A change of spec.replicas in the middle of a rollout (or while paused) is shared out among the
 * sets that run pods, in proportion to their sizes, so that the mix of versions stays.
 */
export function planProportional(deployment: Deployment, revisions: Revisions): readonly Scale[] {
  const { current, old } = revisions;
  const limits = limitsOf(deployment);
  const active = withCurrent(old, current).filter((set) => replicasOf(set) > 0);
  const only = active.length > 1 ? undefined : (active[0] ?? newestOf(revisions));
  if (active.length <= 1) return only ? [{ set: only, replicas: limits.replicas }] : [];
  if (current !== undefined && isSaturated(current, limits.replicas)) {
    return [
      { set: current, replicas: limits.replicas },
      ...active.filter((set) => set !== current).map((set) => ({ set, replicas: 0 })),
    ];
  }
  if (isRecreate(deployment.spec)) return active.map((set) => ({ set, replicas: replicasOf(set) }));
  return shareOut(deployment, active, limits);
}

function shareOut(
  deployment: Deployment,
  active: readonly ReplicaSet[],
  { replicas, maxSurge }: Limits,
): readonly Scale[] {
  const allowed = replicas > 0 ? replicas + maxSurge : 0;
  const total = sum(active, replicasOf);
  const change = allowed - total;
  // Growth goes to the largest first, and to the newest of equals; shrinking to the oldest.
  const newestFirst = change > 0;
  const order = active.toSorted(
    (a, b) => replicasOf(b) - replicasOf(a) || byAge(a, b) * (newestFirst ? -1 : 1),
  );
  let left = change;
  const scales = order.map((set) => {
    const share = fractionOf(set, deployment, allowed);
    const part = change > 0 ? Math.min(share, left) : Math.max(share, left);
    const given = change === 0 || Math.sign(part) !== Math.sign(change) ? 0 : part;
    left -= given;
    return { set, replicas: Math.max(0, replicasOf(set) + given) };
  });
  const [first, ...rest] = scales;
  if (first === undefined) return [];
  return [{ ...first, replicas: Math.max(0, first.replicas + left) }, ...rest];
}

/** By how much the set should change, by the rule of three, rounded. */
function fractionOf(set: ReplicaSet, { status }: Deployment, allowed: number): number {
  const size = replicasOf(set);
  if (allowed === 0) return -size;
  const noted = Number(set.metadata.annotations?.[MAX_ANNOTATION]);
  const before = noted > 0 ? noted : (status?.replicas ?? 0);
  return before > 0 ? Math.round((size * allowed) / before) - size : 0;
}

/** The rollout to this set is over. */
const isSaturated = (set: ReplicaSet, replicas: number): boolean =>
  replicasOf(set) === replicas &&
  Number(set.metadata.annotations?.[DESIRED_ANNOTATION]) === replicas &&
  (set.status?.availableReplicas ?? 0) === replicas;

export const isRecreate = ({ strategy }: Deployment['spec']): boolean =>
  strategy?.type === 'Recreate';

export const replicasOf = ({ spec }: ReplicaSet): number => spec.replicas ?? 1;

/** The status may lag behind a scale-down: pods that are to go do not count. */
const availableOf = (set: ReplicaSet): number =>
  Math.min(set.status?.availableReplicas ?? 0, replicasOf(set));

/** Pods that a scale-down has yet to remove still count. */
const presentOf = (set: ReplicaSet): number => Math.max(replicasOf(set), set.status?.replicas ?? 0);

export const withCurrent = (
  old: readonly ReplicaSet[],
  current: ReplicaSet | undefined,
): readonly ReplicaSet[] => (current === undefined ? old : [...old, current]);

const newestOf = ({ current, old }: Revisions): ReplicaSet | undefined => current ?? old.at(-1);

export const byAge = (a: ReplicaSet, b: ReplicaSet): number => {
  const [left = '', right = ''] = [a.metadata.creationTimestamp, b.metadata.creationTimestamp];
  return left === right ? (a.metadata.name < b.metadata.name ? -1 : 1) : left < right ? -1 : 1;
};

const changed = (scales: readonly Scale[]): readonly Scale[] =>
  scales.filter(({ set, replicas }) => replicas !== replicasOf(set));

const sum = (sets: readonly ReplicaSet[], of: (set: ReplicaSet) => number): number =>
  sets.reduce((total, set) => total + of(set), 0);

function shareOf(value: number | string, total: number, rounding: 'up' | 'down'): number {
  const share = typeof value === 'string' && !isPercent(value) ? Number(value) : value;
  return Math.max(0, scaled(share, total, rounding) || 0);
}
