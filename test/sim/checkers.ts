// What must hold at every moment, whatever fails, looked at with every write:
//
//   a pod is bound once and stays where it is bound; names are never taken over by another uid
//   without a deletion in between; nodes are never given, nor run, more than they have;
//   no container is started twice unless its machine went down; no lease is taken from a holder
//   that may still believe in it

import { milliValueOf } from '../../machinery/quantity.ts';
import type { Lease } from '../../proto/generated/coordination.v1.ts';
import type { Node, Pod } from '../../proto/generated/core.v1.ts';
import type { History, Version } from './history.ts';
import type { Complain } from './witness.ts';

const PODS = '/registry/core/pods/';
const NODES = '/registry/core/nodes/';
const LEASES = '/registry/coordination.k8s.io/leases/';
const COUNTED = ['cpu', 'memory'] as const;

interface Invariants {
  readonly complain: Complain;
  /** Whether binding alone must never exceed a node; what runs there never may. */
  readonly isBindingExact: () => boolean;
  /** Containers of the simulation never fail by themselves: only a machine's end is an excuse. */
  readonly hasLostPower: (nodeName: string) => boolean;
}

export function watchInvariants(history: History, invariants: Invariants): void {
  const { complain, hasLostPower } = invariants;
  let lastRevision = history.revision;
  history.onVersion((version) => {
    const { revision } = version;
    if (revision <= lastRevision) complain(`revision ${revision} came after ${lastRevision}`);
    lastRevision = revision;
    if (isReplaced(version)) complain(`${version.key} changed its uid at ${revision}`);
    if (version.key.startsWith(LEASES)) checkLease(version, complain);
    if (!version.key.startsWith(PODS)) return;
    const pod = version.object as Pod | undefined;
    const before = version.previous?.object as Pod | undefined;
    if (before?.spec.nodeName && pod && pod.spec.nodeName !== before.spec.nodeName) {
      const { key } = version;
      complain(`${key} moved from ${before.spec.nodeName} to ${pod.spec.nodeName} at ${revision}`);
    }
    if (!pod?.spec.nodeName) return;
    const isNews = !before?.spec.nodeName || before.status?.phase !== pod.status?.phase;
    if (isNews) checkCapacity(history, pod.spec.nodeName, invariants);
    const restarts = pod.status?.containerStatuses?.some(({ restartCount }) => restartCount > 0);
    if (restarts && !hasLostPower(pod.spec.nodeName)) complain(`${version.key} was restarted`);
  });
}

const isReplaced = ({ object, previous }: Version): boolean =>
  object !== undefined &&
  previous?.object !== undefined &&
  object.metadata.uid !== previous.object.metadata.uid;

function checkLease({ key, object, previous }: Version, complain: Complain): void {
  const held = (previous?.object as Lease | undefined)?.spec;
  const taken = (object as Lease | undefined)?.spec;
  if (!held?.holderIdentity || !taken?.holderIdentity) return;
  if (held.holderIdentity === taken.holderIdentity) return;
  const idleMs = Date.parse(taken.renewTime ?? '') - Date.parse(held.renewTime ?? '');
  if (idleMs >= (held.leaseDurationSeconds ?? 0) * 1000) return;
  complain(`${key} was taken from ${held.holderIdentity} after ${idleMs} ms`);
}

function checkCapacity(
  history: History,
  nodeName: string,
  { complain, isBindingExact }: Invariants,
): void {
  const node = history.at(`${NODES}${nodeName}`) as Node | undefined;
  if (node?.status?.allocatable === undefined) return;
  const bound = history
    .objects<Pod>(PODS)
    .filter(({ spec, status }) => spec.nodeName === nodeName && !hasEnded(status?.phase));
  const running = bound.filter(({ status }) => status?.phase === 'Running');
  const groups = [{ name: 'running', pods: running }];
  if (isBindingExact()) groups.push({ name: 'bound', pods: bound });
  for (const { name, pods } of groups) {
    const what = excessOf(node, pods);
    if (what !== undefined) complain(`pods ${name} on ${nodeName} exceed it: ${what}`);
  }
}

function excessOf({ status }: Node, pods: readonly Pod[]): string | undefined {
  const { allocatable = {} } = status ?? {};
  if (pods.length > Number(allocatable.pods)) return `${pods.length} pods`;
  for (const name of COUNTED) {
    const used = pods.reduce((sum, pod) => sum + requestOf(pod, name), 0);
    if (used > milliValueOf(allocatable[name])) return `${name} ${used}m of ${allocatable[name]}`;
  }
  return undefined;
}

const requestOf = ({ spec }: Pod, name: string): number =>
  spec.containers.reduce(
    (sum, { resources }) => sum + milliValueOf(resources?.requests?.[name]),
    0,
  );

const hasEnded = (phase: string | undefined): boolean =>
  phase === 'Succeeded' || phase === 'Failed';
