// How containers end: preStop hook, polite signal, and SIGKILL when the grace is over. Decided
// anew at every sync, so that a shorter grace (or a restart of the kubelet) is taken in at once.
//
//   pod is deleted ─► containers end together ─► then sidecars, last one first

import type { Container as ContainerSpec, Pod } from '../../proto/generated/core.v1.ts';
import type { Container } from '../runtime/runtime.ts';
import { type Ending, initSpecsOf, isRunning, isSidecar, type PodView } from './view.ts';

export type EndingStep =
  | { readonly type: 'preStop'; readonly container: Container; readonly spec: ContainerSpec }
  | { readonly type: 'signal'; readonly container: Container; readonly signal: string }
  | { readonly type: 'kill'; readonly container: Container };

export interface EndingPlan {
  readonly steps: readonly EndingStep[];
  readonly wakeAtMs?: number;
}

/** A container gets so long for its signal even if its preStop hook used up the grace. */
const GRACE_AFTER_HOOK_MS = 2_000;
const GRACE_SECONDS = 30;

export const specOf = (pod: Pod, name: string): ContainerSpec | undefined =>
  [...pod.spec.containers, ...initSpecsOf(pod)].find((spec) => spec.name === name);

/** Grace of the pod's own deletion, or of a restart. */
export function graceMsOf({ metadata, spec }: Pod): number {
  const seconds =
    metadata.deletionTimestamp === undefined
      ? spec.terminationGracePeriodSeconds
      : metadata.deletionGracePeriodSeconds;
  return (seconds ?? spec.terminationGracePeriodSeconds ?? GRACE_SECONDS) * 1000;
}

/** Of a pod that is being deleted: which containers should begin to end now. */
export function dueToEnd(view: PodView): readonly Container[] {
  const running = view.containers.filter(isRunning);
  const sidecars = initSpecsOf(view.pod)
    .filter(isSidecar)
    .map(({ name }) => name);
  const mains = running.filter(({ name }) => !sidecars.includes(name));
  if (mains.length > 0) return mains;
  const last = sidecars.findLast((name) => running.some((run) => run.name === name));
  return running.filter((run) => run.name === last);
}

export function planEndings(view: PodView): EndingPlan {
  const steps: EndingStep[] = [];
  let wakeAtMs: number | undefined;
  for (const container of view.containers) {
    const ending = view.endings.get(container.id);
    if (!ending || !isRunning(container)) continue;
    const next = nextStep(view, container, ending);
    if (typeof next === 'number') wakeAtMs = Math.min(wakeAtMs ?? next, next);
    else if (next) steps.push(next);
  }
  return { steps, ...(wakeAtMs !== undefined && { wakeAtMs }) };
}

/** A step to take, or the time of the next one. */
function nextStep(
  { pod, nowMs }: PodView,
  container: Container,
  ending: Ending,
): EndingStep | number | undefined {
  if (ending.isKilled) return undefined;
  const isDeleted = pod.metadata.deletionTimestamp !== undefined;
  // A later, stricter delete shortens what was granted before.
  const graceMs = isDeleted ? Math.min(ending.graceMs, graceMsOf(pod)) : ending.graceMs;
  const spec = specOf(pod, container.name);
  const dueMs = ending.sinceMs + graceMs;
  const hookDueMs = Math.max(dueMs, (ending.signalledMs ?? nowMs) + GRACE_AFTER_HOOK_MS);
  if (spec?.lifecycle?.preStop && graceMs > 0) {
    if (ending.preStop === 'none') return { type: 'preStop', container, spec };
    if (ending.preStop === 'running' && nowMs < dueMs) return dueMs;
    if (!ending.isSignalled) return signal(container);
    return nowMs < hookDueMs ? hookDueMs : { type: 'kill', container };
  }
  if (graceMs <= 0) return { type: 'kill', container };
  if (!ending.isSignalled) return signal(container);
  return nowMs < dueMs ? dueMs : { type: 'kill', container };
}

const signal = (container: Container): EndingStep => ({
  type: 'signal',
  container,
  signal: container.stopSignal,
});
