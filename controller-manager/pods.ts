// Questions about pods that several controllers ask.

import { controllerOf, isDeleting, keyFor } from '../machinery/object.ts';
import type { Pod, PodCondition } from '../proto/generated/core.v1.ts';
import type { Resource } from '../proto/resource.ts';
import type { Key } from './controller.ts';

export const conditionOf = (pod: Pod, type: string): PodCondition | undefined =>
  pod.status?.conditions?.find((condition) => condition.type === type);

export const isReady = (pod: Pod): boolean => conditionOf(pod, 'Ready')?.status === 'True';

/** Ran to its end: never runs again. */
export const isFinished = ({ status }: Pod): boolean =>
  status?.phase === 'Succeeded' || status?.phase === 'Failed';

/** Counts as a replica. */
export const isActive = (pod: Pod): boolean => !isFinished(pod) && !isDeleting(pod);

/** When it became ready, in ms since the epoch; undefined while it is not. */
export function readySinceMs(pod: Pod): number | undefined {
  const ready = conditionOf(pod, 'Ready');
  if (ready?.status !== 'True') return undefined;
  return ready.lastTransitionTime === undefined ? 0 : Date.parse(ready.lastTransitionTime);
}

/** Ready for at least `minReadySeconds`. */
export function isAvailable(pod: Pod, minReadySeconds: number, nowMs: number): boolean {
  const sinceMs = readySinceMs(pod);
  return sinceMs !== undefined && sinceMs + minReadySeconds * 1000 <= nowMs;
}

/** Key of the owner of this kind that controls the object; empty when none does. */
export function controllerKeys(
  object: Pick<Pod, 'metadata'>,
  { kind }: Pick<Resource, 'kind'>,
): readonly Key[] {
  const owner = controllerOf(object);
  return owner?.kind === kind ? [keyFor(object.metadata.namespace, owner.name)] : [];
}
