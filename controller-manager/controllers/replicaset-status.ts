// ReplicaSet, the report: pure functions from pods to status.

import { timestampOf } from '../../machinery/clock.ts';
import { selectorOfLabels } from '../../machinery/labels.ts';
import { isDeleting } from '../../machinery/object.ts';
import type {
  ReplicaSet,
  ReplicaSetCondition,
  ReplicaSetStatus,
} from '../../proto/generated/apps.v1.ts';
import type { Pod } from '../../proto/generated/core.v1.ts';
import { nonZero } from '../counts.ts';
import { isActive, isAvailable, isFinished, isReady, readySinceMs } from '../pods.ts';
import type { ReplicaFailure } from './replicaset.ts';

export function replicaSetStatus({
  set,
  pods,
  nowMs,
  failure,
}: {
  readonly set: ReplicaSet;
  readonly pods: readonly Pod[];
  readonly nowMs: number;
  readonly failure: ReplicaFailure | undefined;
}): ReplicaSetStatus {
  const { template, minReadySeconds = 0 } = set.spec;
  const active = pods.filter(isActive);
  const labelled = selectorOfLabels(template?.metadata?.labels);
  const generation = set.metadata.generation;
  const conditions = conditionsOf(set, failure, nowMs);
  return {
    replicas: active.length,
    ...nonZero({
      fullyLabeledReplicas: active.filter((pod) => labelled.matches(pod.metadata.labels)).length,
      readyReplicas: active.filter(isReady).length,
      availableReplicas: active.filter((pod) => isAvailable(pod, minReadySeconds, nowMs)).length,
      observedGeneration: generation ?? 0,
    }),
    terminatingReplicas: pods.filter((pod) => isDeleting(pod) && !isFinished(pod)).length,
    ...(conditions.length > 0 && { conditions }),
  };
}

/** Until the next ready pod has been ready for long enough; undefined when none is waited for. */
export function secondsUntilAvailable(
  { spec: { minReadySeconds = 0 } }: ReplicaSet,
  pods: readonly Pod[],
  nowMs: number,
): number | undefined {
  if (minReadySeconds === 0) return undefined;
  const waits = pods
    .filter(isActive)
    .map((pod) => ((readySinceMs(pod) ?? 0) + minReadySeconds * 1000 - nowMs) / 1000)
    .filter((seconds) => seconds > 0);
  return waits.length === 0 ? undefined : Math.min(...waits);
}

/** Other conditions stay; ReplicaFailure keeps its time of transition while it lasts. */
function conditionsOf(
  { status }: ReplicaSet,
  failure: ReplicaFailure | undefined,
  nowMs: number,
): ReplicaSetCondition[] {
  const before = status?.conditions ?? [];
  const others = before.filter(({ type }) => type !== 'ReplicaFailure');
  if (failure === undefined) return others;
  const same = before.find(
    ({ type, reason }) => type === 'ReplicaFailure' && reason === failure.reason,
  );
  if (same !== undefined) return [...before];
  const { reason, error } = failure;
  return [
    ...others,
    {
      type: 'ReplicaFailure',
      status: 'True',
      lastTransitionTime: timestampOf(nowMs),
      reason,
      message: error instanceof Error ? error.message : String(error),
    },
  ];
}
