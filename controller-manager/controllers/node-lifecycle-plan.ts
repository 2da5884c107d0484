// Node life cycle, the policy: what a node's silence means, and which taints follow from its
// conditions. Pure.

import { timestampOf } from '../../machinery/clock.ts';
import type { Node, NodeCondition, Taint } from '../../proto/generated/core.v1.ts';

/** Conditions that only a living kubelet can vouch for. */
const VOUCHED = ['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure'] as const;

const NOT_READY = 'node.kubernetes.io/not-ready';
const UNREACHABLE = 'node.kubernetes.io/unreachable';
const UNSCHEDULABLE = 'node.kubernetes.io/unschedulable';

/** Condition → status → key of the NoSchedule taint. */
const TAINT_KEYS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  Ready: { False: NOT_READY, Unknown: UNREACHABLE },
  MemoryPressure: { True: 'node.kubernetes.io/memory-pressure' },
  DiskPressure: { True: 'node.kubernetes.io/disk-pressure' },
  PIDPressure: { True: 'node.kubernetes.io/pid-pressure' },
  NetworkUnavailable: { True: 'node.kubernetes.io/network-unavailable' },
};

const OWN_KEYS: ReadonlySet<string> = new Set([
  UNSCHEDULABLE,
  ...Object.values(TAINT_KEYS).flatMap((keys) => Object.values(keys)),
]);

export const readyOf = ({ status }: Node): NodeCondition | undefined =>
  status?.conditions?.find(({ type }) => type === 'Ready');

export const isNodeReady = (node: Node): boolean => readyOf(node)?.status === 'True';

/**
 * The conditions of a node that has fallen silent: nobody vouches for them any more. Undefined
 * when they say so already.
 */
export function planSilence(node: Node, nowMs: number): readonly NodeCondition[] | undefined {
  const before = node.status?.conditions ?? [];
  const now = timestampOf(nowMs);
  const unknown = VOUCHED.map((type): NodeCondition => {
    const last = before.find((condition) => condition.type === type);
    if (last?.status === 'Unknown') return last;
    return {
      type,
      status: 'Unknown',
      ...(last?.lastHeartbeatTime !== undefined && { lastHeartbeatTime: last.lastHeartbeatTime }),
      lastTransitionTime: now,
      reason: last === undefined ? 'NodeStatusNeverUpdated' : 'NodeStatusUnknown',
      message:
        last === undefined
          ? 'Kubelet never posted node status.'
          : 'Kubelet stopped posting node status.',
    };
  });
  return unknown.every((condition) => before.includes(condition)) ? undefined : unknown;
}

/**
 * The node's taints as its conditions demand; those of others stay. Undefined: nothing to change.
 * `mayEvict` false (no node is well, so the fault is likely ours) withholds NoExecute.
 */
export function planTaints(
  node: Node,
  { mayEvict, nowMs }: { readonly mayEvict: boolean; readonly nowMs: number },
): readonly Taint[] | undefined {
  const before = node.spec.taints ?? [];
  const others = before.filter(({ key, effect }) => !isOwn(key, effect));
  const wanted = [...noScheduleKeys(node)].map((key): Taint => {
    const last = before.find((taint) => taint.key === key && taint.effect === 'NoSchedule');
    return last ?? { key, effect: 'NoSchedule', timeAdded: timestampOf(nowMs) };
  });
  const evictKey = mayEvict ? TAINT_KEYS.Ready?.[readyOf(node)?.status ?? ''] : undefined;
  if (evictKey !== undefined) {
    const last = before.find(({ key, effect }) => key === evictKey && effect === 'NoExecute');
    wanted.push(last ?? { key: evictKey, effect: 'NoExecute', timeAdded: timestampOf(nowMs) });
  }
  const after = [...others, ...wanted];
  return isSameSet(before, after) ? undefined : after;
}

function noScheduleKeys(node: Node): ReadonlySet<string> {
  const keys = new Set<string>();
  for (const { type, status } of node.status?.conditions ?? []) {
    const key = TAINT_KEYS[type]?.[status];
    if (key !== undefined) keys.add(key);
  }
  if (node.spec.unschedulable === true) keys.add(UNSCHEDULABLE);
  return keys;
}

const isOwn = (key: string, effect: Taint['effect']): boolean =>
  OWN_KEYS.has(key) &&
  (effect === 'NoSchedule' ||
    (effect === 'NoExecute' && (key === NOT_READY || key === UNREACHABLE)));

const textOf = ({ key, value = '', effect }: Taint): string => `${key}=${value}:${effect}`;

function isSameSet(a: readonly Taint[], b: readonly Taint[]): boolean {
  const [left, right] = [a, b].map((taints) => taints.map(textOf).sort().join());
  return left === right;
}
