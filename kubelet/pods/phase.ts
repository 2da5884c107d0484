// Is a pod still to be worked on, and which phase is it in? Source: the pod life cycle as
// Kubernetes documents it.

import type { Container as ContainerSpec, Pod, PodStatus } from '../../proto/generated/core.v1.ts';
import type { Container } from '../runtime/runtime.ts';
import {
  hasEnded,
  hasSucceeded,
  initSpecsOf,
  isRunning,
  isSidecar,
  isStarted,
  liveSandboxOf,
  type PodView,
  runsOf,
} from './view.ts';

export type Phase = NonNullable<PodStatus['phase']>;

export const policyOf = ({ spec }: Pod): 'Always' | 'OnFailure' | 'Never' =>
  spec.restartPolicy ?? 'Always';

export const isTerminal = (phase: Phase | undefined): boolean =>
  phase === 'Succeeded' || phase === 'Failed';

/** Finished pods keep their phase: nothing brings them back. */
export function outcomeOf(view: PodView): 'Succeeded' | 'Failed' | undefined {
  const { pod } = view;
  const told = pod.status?.phase;
  if (told === 'Succeeded' || told === 'Failed') return told;
  if (view.verdict) return 'Failed';
  if (pod.metadata.deletionTimestamp !== undefined) return outcomeOfDeleted(view);
  const policy = policyOf(pod);
  if (policy === 'Always') return undefined;
  if (policy === 'Never' && initSpecsOf(pod).some((spec) => initHasFailed(view, spec))) {
    return 'Failed';
  }
  const last = pod.spec.containers.map(({ name }) => runsOf(view, name)[0]);
  if (!last.every((run) => run !== undefined && hasEnded(run))) return undefined;
  if (last.every((run) => run !== undefined && hasSucceeded(run))) return 'Succeeded';
  return policy === 'Never' ? 'Failed' : undefined;
}

/** A pod that is deleted is over once nothing of it runs any more. */
function outcomeOfDeleted(view: PodView): 'Succeeded' | 'Failed' | undefined {
  if (view.containers.some(isRunning)) return undefined;
  const last = view.pod.spec.containers.map(({ name }) => runsOf(view, name)[0]);
  const isGood = last.every((run) => run !== undefined && hasSucceeded(run));
  return isGood ? 'Succeeded' : 'Failed';
}

function initHasFailed(view: PodView, spec: ContainerSpec): boolean {
  if (isSidecar(spec)) return false;
  const run = runsOf(view, spec.name)[0];
  return run !== undefined && hasEnded(run) && !hasSucceeded(run);
}

/** Containers of the pod proper may start: each init container ended well, each sidecar is up. */
export function isInitialized(view: PodView): boolean {
  return hasStartedMain(view) || initSpecsOf(view.pod).every((spec) => initIsDone(view, spec));
}

/** Once one of them was started in this sandbox, initialization is behind us for good. */
export function hasStartedMain(view: PodView): boolean {
  const sandbox = liveSandboxOf(view);
  const names = new Set(view.pod.spec.containers.map(({ name }) => name));
  return view.containers.some(
    (run) =>
      names.has(run.name) &&
      (sandbox === undefined || run.sandboxId === sandbox.id) &&
      (run.state !== 'created' || run.error !== undefined),
  );
}

export function initIsDone(view: PodView, spec: ContainerSpec): boolean {
  const sandbox = liveSandboxOf(view);
  const run = runsOf(view, spec.name)[0];
  if (run === undefined || (sandbox && run.sandboxId !== sandbox.id)) return false;
  return isSidecar(spec) ? isStarted(view, spec, run) : hasSucceeded(run);
}

export function phaseOf(view: PodView): Phase {
  const outcome = outcomeOf(view);
  // What still runs (a sidecar, a container in its grace) still uses the node: not over yet.
  if (outcome && (isTerminal(view.pod.status?.phase) || !view.containers.some(isRunning))) {
    return outcome;
  }
  if (!isInitialized(view)) return 'Pending';
  const runs = view.pod.spec.containers.map(({ name }) => runsOf(view, name));
  const isNew = (run: Container): boolean =>
    isUnstarted(run) || (run.attempt === 0 && view.greeting.has(run.id));
  const hasNeverRun = runs.some(([last]) => last === undefined || isNew(last));
  if (hasNeverRun) return 'Pending';
  return runs.some(([last]) => last && (isRunning(last) || hasEnded(last))) ? 'Running' : 'Pending';
}

const isUnstarted = (run: Container): boolean =>
  run.state === 'created' && run.error === undefined && run.attempt === 0;
