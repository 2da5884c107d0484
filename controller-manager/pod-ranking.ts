// Which pods to lose first when there are too many: those that have the least work to lose.
// The order is upstream's (ReplicaSet: "pods with ranks"), with exact ages instead of buckets.

import type { Pod } from '../proto/generated/core.v1.ts';
import { isReady, readySinceMs } from './pods.ts';

export const DELETION_COST = 'controller.kubernetes.io/pod-deletion-cost';

const PHASE_RANK: Readonly<Record<string, number>> = { Pending: 0, Unknown: 1, Running: 2 };

/**
 * Cheapest first. `neighbours` counts, by node name, the pods doing the same work there: pods on
 * crowded nodes go first.
 */
export function byLossAscending(
  pods: readonly Pod[],
  neighbours: ReadonlyMap<string, number> = new Map(),
): readonly Pod[] {
  const crowd = (pod: Pod) => neighbours.get(pod.spec.nodeName ?? '') ?? 0;
  return pods.toSorted(
    (a, b) =>
      isAssigned(a) - isAssigned(b) ||
      phaseRank(a) - phaseRank(b) ||
      Number(isReady(a)) - Number(isReady(b)) ||
      deletionCost(a) - deletionCost(b) ||
      crowd(b) - crowd(a) ||
      (readySinceMs(b) ?? 0) - (readySinceMs(a) ?? 0) ||
      restarts(b) - restarts(a) ||
      createdMs(b) - createdMs(a) ||
      (a.metadata.name < b.metadata.name ? -1 : 1),
  );
}

/** Pods by node name. */
export function countByNode(pods: readonly Pod[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { spec } of pods) {
    if (spec.nodeName) counts.set(spec.nodeName, (counts.get(spec.nodeName) ?? 0) + 1);
  }
  return counts;
}

const isAssigned = (pod: Pod): number => (pod.spec.nodeName ? 1 : 0);

const phaseRank = (pod: Pod): number => PHASE_RANK[pod.status?.phase ?? 'Pending'] ?? 0;

function deletionCost(pod: Pod): number {
  const cost = Number(pod.metadata.annotations?.[DELETION_COST] ?? 0);
  return Number.isSafeInteger(cost) ? cost : 0;
}

const restarts = (pod: Pod): number =>
  Math.max(0, ...(pod.status?.containerStatuses ?? []).map((status) => status.restartCount));

const createdMs = (pod: Pod): number => Date.parse(pod.metadata.creationTimestamp ?? '') || 0;
