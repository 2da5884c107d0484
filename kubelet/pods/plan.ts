// What to do for a pod now, given all that is seen of it. Pure: the whole policy of running pods.
//
//   sandbox ─► init containers one by one (sidecars stay) ─► containers
//   a dead sandbox takes its containers with it, and the pod starts again from the top

import type { Container as ContainerSpec } from '../../proto/generated/core.v1.ts';
import type { Container, Sandbox } from '../runtime/runtime.ts';
import { goDurationOf, waitsUntil } from './back-off.ts';
import { hasStartedMain, initIsDone, outcomeOf, policyOf } from './phase.ts';
import {
  hasEnded,
  hasSucceeded,
  initSpecsOf,
  isRunning,
  isSidecar,
  liveSandboxOf,
  type PodView,
  runsOf,
  type Waiting,
} from './view.ts';

export interface Start {
  readonly spec: ContainerSpec;
  readonly attempt: number;
  /** When the run before this one ended; absent for the first. */
  readonly endedMs?: number;
}

export interface Stop {
  readonly container: Container;
  readonly why: string;
  /** Absent: the pod's. */
  readonly graceMs?: number;
}

export interface PodPlan {
  readonly isFinished: boolean;
  /** Attempt number of the sandbox to make; undefined: none is needed. */
  readonly newSandbox?: number;
  readonly start: readonly Start[];
  readonly stop: readonly Stop[];
  /** Dead, and nobody will ask for them again. */
  readonly remove: readonly Container[];
  readonly removeSandboxes: readonly Sandbox[];
  readonly waiting: ReadonlyMap<string, Waiting>;
  readonly wakeAtMs?: number;
}

/** The last run is for `logs`, the one before it for `logs --previous`. */
const RUNS_KEPT = 2;

export function planPod(view: PodView): PodPlan {
  const sandbox = liveSandboxOf(view);
  const others = view.sandboxes.filter((one) => one !== sandbox);
  const running = view.containers.filter(isRunning);
  if (outcomeOf(view)) {
    return {
      isFinished: true,
      start: [],
      stop: running.map((container) => ({
        container,
        why: `Stopping container ${container.name}`,
      })),
      remove: spentRuns(view),
      removeSandboxes: running.length === 0 ? view.sandboxes : [],
      waiting: new Map(),
    };
  }
  const strays = running.filter((container) => container.sandboxId !== sandbox?.id);
  const stop = strays.map((container) => ({ container, why: 'Pod sandbox changed' }));
  if (!sandbox) {
    const isOver = policyOf(view.pod) === 'Never' && hasStartedMain(view);
    const attempt = Math.max(-1, ...view.sandboxes.map((one) => one.attempt)) + 1;
    return {
      isFinished: false,
      ...(stop.length === 0 && !isOver && { newSandbox: attempt }),
      start: [],
      stop,
      remove: spentRuns(view),
      removeSandboxes: others,
      waiting: new Map(),
    };
  }
  const decided = decideAll(view, sandbox);
  return {
    isFinished: false,
    ...decided,
    stop: [...stop, ...decided.stop],
    remove: [...spentRuns(view), ...unstartedRuns(view)],
    removeSandboxes: stop.length === 0 ? others : [],
  };
}

interface Decision {
  readonly start: Start[];
  readonly stop: Stop[];
  readonly waiting: Map<string, Waiting>;
  wakeAtMs?: number;
}

function decideAll(view: PodView, sandbox: Sandbox): Decision {
  const decision: Decision = { start: [], stop: [], waiting: new Map() };
  const isPastInit = hasStartedMain(view);
  for (const spec of initSpecsOf(view.pod)) {
    if (isPastInit && !isSidecar(spec)) continue;
    if (!initIsDone(view, spec) || isSidecar(spec)) decide(view, { spec, sandbox }, decision);
    if (!isPastInit && !initIsDone(view, spec)) return decision;
  }
  for (const spec of view.pod.spec.containers) decide(view, { spec, sandbox }, decision);
  return decision;
}

function decide(
  view: PodView,
  { spec, sandbox }: { spec: ContainerSpec; sandbox: Sandbox },
  decision: Decision,
): void {
  const [run] = runsOf(view, spec.name);
  if (run && isRunning(run) && run.sandboxId === sandbox.id) {
    const stop = stopFor(view, spec, run);
    if (stop) decision.stop.push(stop);
    return;
  }
  if (run && isRunning(run)) return; // In a sandbox that is gone: it is being stopped.
  const isInit = initSpecsOf(view.pod).includes(spec);
  if (run && hasEnded(run) && !mayRestart(view, spec, { run, sandbox, isInit })) return;
  const endedMs = run && hasEnded(run) ? endOf(run) : undefined;
  const entry = view.crashes.get(spec.name);
  const dueMs = endedMs === undefined ? undefined : waitsUntil(entry, endedMs, view.nowMs);
  if (dueMs !== undefined && entry) {
    decision.waiting.set(spec.name, crashLoop(view, spec, entry.delayMs));
    decision.wakeAtMs = Math.min(decision.wakeAtMs ?? Number.POSITIVE_INFINITY, dueMs);
    return;
  }
  const attempt = attemptAfter(view, spec, run);
  decision.start.push({ spec, attempt, ...(endedMs !== undefined && { endedMs }) });
}

function mayRestart(
  view: PodView,
  spec: ContainerSpec,
  { run, sandbox, isInit }: { run: Container; sandbox: Sandbox; isInit: boolean },
): boolean {
  if (isSidecar(spec)) return true;
  // A new sandbox has lost what its init containers did.
  if (isInit && run.sandboxId !== sandbox.id) return true;
  const policy = policyOf(view.pod);
  if (isInit) return policy !== 'Never' && !hasSucceeded(run);
  return policy === 'Always' || (policy === 'OnFailure' && !hasSucceeded(run));
}

function stopFor(view: PodView, spec: ContainerSpec, container: Container): Stop | undefined {
  if (view.endings.has(container.id)) return undefined;
  if (spec.image !== undefined && container.image !== spec.image) {
    return { container, why: `Container ${spec.name} definition changed, will be restarted` };
  }
  const { failure: why, graceMs } = view.health.get(container.id) ?? {};
  if (why === undefined) return undefined;
  return { container, why, ...(graceMs !== undefined && { graceMs }) };
}

function attemptAfter(view: PodView, spec: ContainerSpec, run: Container | undefined): number {
  if (run) return hasEnded(run) ? run.attempt + 1 : run.attempt;
  const { containerStatuses = [], initContainerStatuses = [] } = view.pod.status ?? {};
  const told = [...initContainerStatuses, ...containerStatuses].find(
    ({ name }) => name === spec.name,
  );
  return told?.containerID ? told.restartCount + 1 : 0;
}

export const endOf = (run: Container): number =>
  run.finishedAtMs ?? run.startedAtMs ?? run.createdAtMs;

function crashLoop({ pod }: PodView, { name }: ContainerSpec, delayMs: number): Waiting {
  const { name: podName, namespace = '', uid = '' } = pod.metadata;
  const of = `container=${name} pod=${podName}_${namespace}(${uid})`;
  return {
    reason: 'CrashLoopBackOff',
    message: `back-off ${goDurationOf(delayMs)} restarting failed ${of}`,
  };
}

const spentRuns = (view: PodView): Container[] => {
  const names = new Set(view.containers.map(({ name }) => name));
  return [...names].flatMap((name) =>
    runsOf(view, name)
      .slice(RUNS_KEPT)
      .filter((run) => !isRunning(run)),
  );
};

/** Made but not started: a kubelet ended in between. */
const unstartedRuns = (view: PodView): Container[] =>
  view.containers.filter((run) => run.state === 'created' && run.error === undefined);
