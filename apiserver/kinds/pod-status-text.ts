// What `kubectl get pods` says in STATUS, READY and RESTARTS. The rules are upstream's: the reason
// nearest to the user wins, init containers come first, a deletion overrides most.

import { ageOf } from '../../machinery/duration.ts';
import type {
  ContainerState,
  ContainerStatus,
  Pod,
  PodCondition,
} from '../../proto/generated/core.v1.ts';

export interface PodSummary {
  readonly ready: string;
  readonly status: string;
  readonly restarts: string;
}

export function summaryOf(pod: Pod, nowMs: number): PodSummary {
  const init = summarizeInit(pod);
  const main = summarizeMain(pod);
  const isMainShown = init.reason === undefined || hasCondition(pod, 'Initialized');
  const counted = isMainShown ? [...init.sidecars, ...mainStatuses(pod)] : initStatuses(pod);
  const ready = init.readySidecars + (isMainShown ? main.ready : 0);
  const total = (pod.spec.containers?.length ?? 0) + sidecarNames(pod).size;
  const reason = (isMainShown ? main.reason : undefined) ?? init.reason ?? phaseReason(pod);
  return {
    ready: `${ready}/${total}`,
    status: overruled(pod, reason),
    restarts: restartsText(counted, nowMs),
  };
}

const mainStatuses = ({ status }: Pod): readonly ContainerStatus[] =>
  status?.containerStatuses ?? [];
const initStatuses = ({ status }: Pod): readonly ContainerStatus[] =>
  status?.initContainerStatuses ?? [];

const sidecarNames = ({ spec }: Pod): ReadonlySet<string> =>
  new Set(
    (spec.initContainers ?? [])
      .filter(({ restartPolicy }) => restartPolicy === 'Always')
      .map(({ name }) => name),
  );

function phaseReason({ status }: Pod): string {
  const gated = status?.conditions?.some(
    ({ type, reason }) => type === 'PodScheduled' && reason === 'SchedulingGated',
  );
  return gated ? 'SchedulingGated' : status?.reason || status?.phase || 'Unknown';
}

interface InitSummary {
  /** Why the pod is not initialized yet. */
  readonly reason: string | undefined;
  readonly sidecars: readonly ContainerStatus[];
  readonly readySidecars: number;
}

function summarizeInit(pod: Pod): InitSummary {
  const names = sidecarNames(pod);
  const statuses = initStatuses(pod);
  const sidecars = statuses.filter(({ name }) => names.has(name));
  let readySidecars = 0;
  for (const [index, status] of statuses.entries()) {
    const { state = {} } = status;
    if (state.terminated?.exitCode === 0) continue;
    if (names.has(status.name) && status.started) {
      if (status.ready) readySidecars++;
      continue;
    }
    const total = pod.spec.initContainers?.length ?? 0;
    const reason = initReason(state) ?? `Init:${index}/${total}`;
    return { reason, sidecars, readySidecars };
  }
  return { reason: undefined, sidecars, readySidecars };
}

function initReason({ terminated, waiting }: ContainerState): string | undefined {
  if (terminated) return `Init:${terminatedReason(terminated)}`;
  const reason = waiting?.reason;
  return reason && reason !== 'PodInitializing' ? `Init:${reason}` : undefined;
}

function terminatedReason(terminated: NonNullable<ContainerState['terminated']>): string {
  if (terminated.reason) return terminated.reason;
  return terminated.signal ? `Signal:${terminated.signal}` : `ExitCode:${terminated.exitCode}`;
}

function summarizeMain(pod: Pod): { readonly reason: string | undefined; readonly ready: number } {
  let reason: string | undefined;
  let ready = 0;
  let isAnyRunning = false;
  // From the last to the first: the first container with something to say has the last word.
  for (const { state = {}, ready: isReady } of [...mainStatuses(pod)].reverse()) {
    if (state.waiting?.reason) reason = state.waiting.reason;
    else if (state.terminated) reason = terminatedReason(state.terminated);
    else if (isReady && state.running) {
      isAnyRunning = true;
      ready++;
    }
  }
  if (reason === 'Completed' && isAnyRunning) {
    reason = hasCondition(pod, 'Ready') ? 'Running' : 'NotReady';
  }
  return { reason, ready };
}

function overruled({ metadata, status }: Pod, reason: string): string {
  if (metadata.deletionTimestamp === undefined) return reason;
  if (status?.reason === 'NodeLost') return 'Unknown';
  const isOver = status?.phase === 'Succeeded' || status?.phase === 'Failed';
  return isOver ? reason : 'Terminating';
}

const hasCondition = ({ status }: Pod, type: PodCondition['type']): boolean =>
  status?.conditions?.some((one) => one.type === type && one.status === 'True') ?? false;

function restartsText(statuses: readonly ContainerStatus[], nowMs: number): string {
  let restarts = 0;
  let last = '';
  for (const { restartCount, lastState } of statuses) {
    restarts += restartCount;
    const finishedAt = lastState?.terminated?.finishedAt ?? '';
    if (finishedAt > last) last = finishedAt;
  }
  return restarts === 0 || last === '' ? `${restarts}` : `${restarts} (${ageOf(last, nowMs)} ago)`;
}
