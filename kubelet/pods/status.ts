// The status of a pod as the API shows it: phase, conditions, containers, addresses. Pure.

import { timestampOf } from '../../machinery/clock.ts';
import type { Pod, PodCondition, PodStatus } from '../../proto/generated/core.v1.ts';
import { statusOfContainer } from './container-status.ts';
import { initIsDone, isInitialized, type Phase, phaseOf } from './phase.ts';
import { qosOf } from './qos.ts';
import { initSpecsOf, isReady, isSidecar, liveSandboxOf, type PodView, runsOf } from './view.ts';

type Condition = Omit<PodCondition, 'lastTransitionTime'>;

export function statusOf(view: PodView): PodStatus {
  const { pod, nodeIp, verdict } = view;
  const told = pod.status;
  const phase = phaseOf(view);
  const ip = podIpOf(view) || view.lastIp || told?.podIP;
  const inits = initSpecsOf(pod);
  const reason = verdict?.reason ?? told?.reason;
  const message = verdict?.message ?? told?.message;
  return {
    ...(pod.metadata.generation !== undefined && { observedGeneration: pod.metadata.generation }),
    phase,
    conditions: conditionsOf(view, phase),
    ...(reason && { reason }),
    ...(message && { message }),
    hostIP: nodeIp,
    hostIPs: [{ ip: nodeIp }],
    ...(ip && { podIP: ip, podIPs: [{ ip }] }),
    startTime: told?.startTime ?? timestampOf(view.nowMs),
    ...(inits.length > 0 && {
      initContainerStatuses: inits.map((spec) => statusOfContainer(view, spec)),
    }),
    containerStatuses: pod.spec.containers.map((spec) => statusOfContainer(view, spec)),
    qosClass: told?.qosClass ?? qosOf(pod),
  };
}

export function podIpOf(view: PodView): string {
  const sandbox = liveSandboxOf(view);
  if (!sandbox) return '';
  return view.pod.spec.hostNetwork ? view.nodeIp : sandbox.ip;
}

function conditionsOf(view: PodView, phase: Phase): PodCondition[] {
  const now = timestampOf(view.nowMs);
  const told = view.pod.status?.conditions ?? [];
  const conditions: Condition[] = [
    readyToStart(view),
    initialized(view, phase),
    ready(view, phase),
    containersReady(view, phase),
    { type: 'PodScheduled', status: 'True' },
  ];
  return conditions.map((condition) => {
    const before = told.find(({ type }) => type === condition.type);
    const isSame = before?.status === condition.status;
    return {
      ...condition,
      lastTransitionTime: isSame ? (before.lastTransitionTime ?? now) : now,
    };
  });
}

const readyToStart = (view: PodView): Condition => ({
  type: 'PodReadyToStartContainers',
  status: podIpOf(view) === '' ? 'False' : 'True',
});

function initialized(view: PodView, phase: Phase): Condition {
  if (phase === 'Succeeded') {
    return { type: 'Initialized', status: 'True', reason: 'PodCompleted' };
  }
  if (isInitialized(view)) return { type: 'Initialized', status: 'True' };
  const missing = initSpecsOf(view.pod).filter((spec) => !initIsDone(view, spec));
  return {
    type: 'Initialized',
    status: 'False',
    reason: 'ContainersNotInitialized',
    message: `containers with incomplete status: ${listOf(missing)}`,
  };
}

function containersReady(view: PodView, phase: Phase): Condition {
  const type = 'ContainersReady';
  if (phase === 'Succeeded') return { type, status: 'False', reason: 'PodCompleted' };
  if (phase === 'Failed') return { type, status: 'False', reason: 'PodFailed' };
  const sidecars = initSpecsOf(view.pod).filter(isSidecar);
  const unready = [...sidecars, ...view.pod.spec.containers].filter((spec) => {
    const [run] = runsOf(view, spec.name);
    return run === undefined || !isReady(view, spec, run);
  });
  if (unready.length === 0) return { type, status: 'True' };
  return {
    type,
    status: 'False',
    reason: 'ContainersNotReady',
    message: `containers with unready status: ${listOf(unready)}`,
  };
}

function ready(view: PodView, phase: Phase): Condition {
  const containers = containersReady(view, phase);
  if (containers.status !== 'True') return { ...containers, type: 'Ready' };
  const gates = (view.pod.spec.readinessGates ?? []).map(({ conditionType }) => conditionType);
  const missing = gates.filter((gate) => !hasCondition(view.pod, gate));
  if (missing.length === 0) return { type: 'Ready', status: 'True' };
  return {
    type: 'Ready',
    status: 'False',
    reason: 'ReadinessGatesNotReady',
    message: missing
      .map((gate) => `the status of pod readiness gate "${gate}" is not "True", but is not set`)
      .join(', '),
  };
}

const hasCondition = (pod: Pod, gate: string): boolean =>
  (pod.status?.conditions ?? []).some(({ type, status }) => type === gate && status === 'True');

const listOf = (specs: readonly { readonly name: string }[]): string =>
  `[${specs.map(({ name }) => name).join(' ')}]`;
