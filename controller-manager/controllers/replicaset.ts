// ReplicaSet: keep spec.replicas pods that match spec.selector.
//
//   ReplicaSet change ─► its own key
//   Pod change ────────► the set that controls it; an orphan wakes the sets that select it
//   reconcile           observe → plan (pure) → act → report

import type { Informer } from '../../client/lister.ts';
import type { Clock } from '../../machinery/clock.ts';
import { deepEqual } from '../../machinery/equality.ts';
import { hasReason } from '../../machinery/errors.ts';
import { selectorOf } from '../../machinery/labels.ts';
import { controllerOf, isDeleting, keyOf } from '../../machinery/object.ts';
import type { Transport } from '../../machinery/transport.ts';
import type { ReplicaSet, ReplicaSetStatus } from '../../proto/generated/apps.v1.ts';
import type { Pod } from '../../proto/generated/core.v1.ts';
import { PODS, REPLICA_SETS } from '../../proto/generated/resources.ts';
import { inGrowingBatches } from '../batches.ts';
import { type Controller, type Key, source } from '../controller.ts';
import type { RecordEvent } from '../events.ts';
import { CATCH_UP, OwnWrites } from '../own-writes.ts';
import { BY_CONTROLLER, claim, controllerReference, orphansOf } from '../ownership.ts';
import { byLossAscending, countByNode } from '../pod-ranking.ts';
import { podFrom } from '../pod-template.ts';
import { controllerKeys, isActive } from '../pods.ts';
import { replacementDelayMs } from '../replacement-pace.ts';
import { replicaSetStatus, secondsUntilAvailable } from './replicaset-status.ts';

const BURST_MAX = 500; // One bad template must not flood the API.
const WORKERS = 5;

export interface ReplicaSetDependencies {
  readonly sets: Informer<ReplicaSet>;
  /** Indexed by controller (`BY_CONTROLLER`). */
  readonly pods: Informer<Pod>;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly record: RecordEvent;
}

export interface ReplicaPlan {
  readonly create: number;
  readonly remove: readonly Pod[];
}

export function replicaSetController(deps: ReplicaSetDependencies): Controller {
  const { sets, pods, clock } = deps;
  const writes = new OwnWrites(pods, clock);

  return {
    name: 'replicaset',
    workers: WORKERS,
    sources: [source(sets, (set) => [keyOf(set)]), source(pods, (pod) => keysOfPod(pod, sets))],

    async reconcile(key) {
      const set = sets.get(key);
      if (set === undefined) {
        writes.forget(key);
        return undefined;
      }
      const mayAct = writes.caughtUp(key); // Before listing: a later yes would vouch for less.
      const mine = await claimPods(deps, set);
      const acts = mayAct && !isDeleting(set);
      const wanted = acts ? planReplicas(set, mine, () => neighboursOf(deps, set)) : NOTHING;
      const pauseMs = wanted.create > 0 ? replacementDelayMs(mine, clock.now()) : 0;
      const plan = pauseMs > 0 ? NOTHING : wanted;
      const failure = await applyPlan({ ...deps, writes, key, set }, plan);
      const nowMs = clock.now();
      await report(deps, set, replicaSetStatus({ set, pods: mine, nowMs, failure }));
      if (failure !== undefined) throw failure.error;
      const seconds = secondsUntilAvailable(set, mine, nowMs);
      const catchUpMs = mayAct ? 0 : CATCH_UP.requeueAfterMs;
      const waitsMs = [catchUpMs, pauseMs, (seconds ?? 0) * 1000].filter((waitMs) => waitMs > 0);
      return waitsMs.length === 0 ? undefined : { requeueAfterMs: Math.min(...waitsMs) };
    },
  };
}

/** Decides, and touches nothing: the whole policy of a ReplicaSet is in here. */
export function planReplicas(
  { spec }: ReplicaSet,
  pods: readonly Pod[],
  /** Asked only where pods must go. */
  neighbours?: () => ReadonlyMap<string, number>,
): ReplicaPlan {
  const active = pods.filter(isActive);
  const missing = (spec.replicas ?? 1) - active.length;
  if (missing >= 0) return { create: Math.min(missing, BURST_MAX), remove: [] };
  const surplus = Math.min(-missing, BURST_MAX);
  return { create: 0, remove: byLossAscending(active, neighbours?.()).slice(0, surplus) };
}

const NOTHING: ReplicaPlan = { create: 0, remove: [] };

const claimPods = ({ transport, pods }: ReplicaSetDependencies, set: ReplicaSet) =>
  claim({
    transport,
    ownerResource: REPLICA_SETS,
    owner: set,
    resource: PODS,
    selector: selectorOf(set.spec.selector),
    candidates: [
      ...pods.byIndex(BY_CONTROLLER, set.metadata.uid ?? ''),
      ...pods.byIndex(BY_CONTROLLER, orphansOf(set.metadata.namespace)).filter(isActive),
    ],
  });

/** Pods of all sets with the same owner: the revisions of one Deployment share their nodes. */
function neighboursOf({ sets, pods }: ReplicaSetDependencies, set: ReplicaSet) {
  const owner = controllerOf(set)?.uid;
  const family = owner === undefined ? [set] : sets.byIndex(BY_CONTROLLER, owner);
  const related = family.flatMap((one) => pods.byIndex(BY_CONTROLLER, one.metadata.uid ?? ''));
  return countByNode(related.filter(isActive));
}

interface Act extends ReplicaSetDependencies {
  readonly writes: OwnWrites<Pod>;
  readonly key: Key;
  readonly set: ReplicaSet;
}

export interface ReplicaFailure {
  readonly reason: 'FailedCreate' | 'FailedDelete';
  readonly error: unknown;
}

async function applyPlan(act: Act, plan: ReplicaPlan): Promise<ReplicaFailure | undefined> {
  const created = await inGrowingBatches(plan.create, () => createPod(act));
  if (created.error !== undefined) return { reason: 'FailedCreate', error: created.error };
  const removed = await Promise.allSettled(plan.remove.map((pod) => removePod(act, pod)));
  const failed = removed.find((result) => result.status === 'rejected');
  return failed && { reason: 'FailedDelete', error: failed.reason };
}

async function createPod({ transport, record, writes, key, set }: Act): Promise<void> {
  const { name, namespace = '' } = set.metadata;
  const owner = controllerReference(REPLICA_SETS, set);
  const template = set.spec.template ?? { spec: { containers: [] } };
  const draft = podFrom(template, { namespace, namePrefix: `${name}-` }, owner);
  try {
    const pod = await transport.create(PODS, draft);
    writes.wrote(key, pod);
    record(set, 'Normal', 'SuccessfulCreate', `Created pod: ${pod.metadata.name}`);
  } catch (error) {
    record(set, 'Warning', 'FailedCreate', `Error creating: ${messageOf(error)}`);
    throw error;
  }
}

async function removePod({ transport, record, writes, key, set }: Act, pod: Pod): Promise<void> {
  const { uid, name } = pod.metadata;
  try {
    await transport.delete(PODS, pod.metadata, { preconditions: { uid } });
  } catch (error) {
    if (hasReason(error, 'NotFound', 'Conflict')) return; // Gone already, or another by that name.
    record(set, 'Warning', 'FailedDelete', `Error deleting: ${messageOf(error)}`);
    throw error;
  }
  writes.removed(key, pod);
  record(set, 'Normal', 'SuccessfulDelete', `Deleted pod: ${name}`);
}

const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);

async function report(
  { transport }: ReplicaSetDependencies,
  set: ReplicaSet,
  status: ReplicaSetStatus,
): Promise<void> {
  if (deepEqual(set.status, status)) return;
  await transport.update(REPLICA_SETS, { ...set, status }, { subresource: 'status' });
}

function keysOfPod(pod: Pod, sets: Informer<ReplicaSet>): readonly Key[] {
  if (controllerOf(pod) !== undefined) return controllerKeys(pod, REPLICA_SETS);
  if (!isActive(pod)) return [];
  return sets
    .list(pod.metadata.namespace)
    .filter((set) => selectorOf(set.spec.selector).matches(pod.metadata.labels))
    .map(keyOf);
}
