// The status of one container, from its runs on this node. What the node has forgotten is taken
// from the status that the API still holds.

import { timestampOf } from '../../machinery/clock.ts';
import type {
  Container as ContainerSpec,
  ContainerState,
  ContainerStateTerminated,
  ContainerStatus,
} from '../../proto/generated/core.v1.ts';
import type { Container } from '../runtime/runtime.ts';
import { isInitialized, outcomeOf } from './phase.ts';
import {
  hasEnded,
  hasSucceeded,
  initSpecsOf,
  isReady,
  isRunning,
  isSidecar,
  isStarted,
  type PodView,
  runsOf,
} from './view.ts';

const START_ERROR_CODE = 128; // What container engines report when there was no process at all.

export function statusOfContainer(view: PodView, spec: ContainerSpec): ContainerStatus {
  const [run, before] = runsOf(view, spec.name);
  const told = toldStatusOf(view, spec.name);
  if (!run) return statusWithoutRun(view, spec, told);
  const waiting = view.waiting.get(spec.name);
  const ended = hasEnded(run) ? terminatedOf(view, run) : undefined;
  const isRestarting = ended !== undefined && waiting !== undefined;
  const earlier = before && hasEnded(before) ? terminatedOf(view, before) : lastTold(told, run);
  const last = isRestarting ? ended : earlier;
  return {
    name: spec.name,
    state: stateOf(view, { spec, run, ended }),
    lastState: last ? { terminated: last } : {},
    ready: isInit(view, spec) && !isSidecar(spec) ? hasSucceeded(run) : isReady(view, spec, run),
    restartCount: run.attempt,
    image: run.image,
    imageID: `docker://${run.imageId}`,
    containerID: `docker://${run.id}`,
    started: isStarted(view, spec, run),
  };
}

function statusWithoutRun(
  view: PodView,
  spec: ContainerSpec,
  told: ContainerStatus | undefined,
): ContainerStatus {
  // A finished pod whose containers were cleaned away keeps what was known of them.
  if (told?.state?.terminated && outcomeOf(view)) return told;
  const lastState = told?.state?.terminated
    ? { terminated: told.state.terminated }
    : (told?.lastState ?? {});
  return {
    name: spec.name,
    state: { waiting: { ...(view.waiting.get(spec.name) ?? waitingByDefault(view, spec)) } },
    lastState,
    ready: false,
    restartCount: told?.restartCount ?? 0,
    image: spec.image ?? '',
    imageID: '',
    started: false,
  };
}

const toldStatusOf = (view: PodView, name: string): ContainerStatus | undefined =>
  [
    ...(view.pod.status?.containerStatuses ?? []),
    ...(view.pod.status?.initContainerStatuses ?? []),
  ].find((status) => status.name === name);

const isInit = (view: PodView, spec: ContainerSpec): boolean =>
  initSpecsOf(view.pod).includes(spec);

const waitingByDefault = (view: PodView, spec: ContainerSpec): { reason: string } => ({
  reason:
    initSpecsOf(view.pod).length > 0 && (isInit(view, spec) || !isInitialized(view))
      ? 'PodInitializing'
      : 'ContainerCreating',
});

function stateOf(
  view: PodView,
  { spec, run, ended }: { spec: ContainerSpec; run: Container; ended: Terminated | undefined },
): ContainerState {
  if (isRunning(run) && view.greeting.has(run.id)) {
    return { waiting: waitingByDefault(view, spec) };
  }
  if (isRunning(run)) return { running: { startedAt: timestampOf(run.startedAtMs ?? 0) } };
  const waiting = view.waiting.get(spec.name);
  if (waiting) return { waiting: { ...waiting } };
  return ended ? { terminated: ended } : { waiting: waitingByDefault(view, spec) };
}

type Terminated = ContainerStateTerminated;

/** The end of an earlier run that the node no longer has. */
function lastTold(told: ContainerStatus | undefined, run: Container): Terminated | undefined {
  const id = `docker://${run.id}`;
  const ends = [told?.state?.terminated, told?.lastState?.terminated];
  return ends.find((end) => end !== undefined && end.containerID !== id);
}

function terminatedOf(view: PodView, run: Container): Terminated {
  const message = view.lastWords.get(run.id);
  const neverRan = run.state === 'created';
  return {
    exitCode: neverRan ? START_ERROR_CODE : (run.exitCode ?? 0),
    reason: reasonOf(run),
    ...(neverRan ? { message: run.error ?? '' } : message ? { message } : {}),
    startedAt: timestampOf(run.startedAtMs ?? run.createdAtMs),
    finishedAt: timestampOf(run.finishedAtMs ?? run.createdAtMs),
    containerID: `docker://${run.id}`,
  };
}

function reasonOf(run: Container): string {
  if (run.state === 'created') return 'StartError';
  if (run.isOomKilled) return 'OOMKilled';
  return run.exitCode === 0 ? 'Completed' : 'Error';
}
