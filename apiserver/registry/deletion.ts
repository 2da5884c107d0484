// What a delete does, as pure plans: vanish now, or wait for grace and finalizers.
//
//   delete ─▶ propagation sets finalizers ─▶ grace or finalizers left? ─ no ─▶ remove
//                                              └ yes ─▶ mark: deletionTimestamp, grace period
//   later: a shorter grace is honoured, a longer one is not; grace 0 without finalizers removes;
//   an update that takes the last finalizer of an object without grace removes it.

import { timestampOf } from '../../machinery/clock.ts';
import type { DeleteOptions } from '../../machinery/transport.ts';
import type { ApiObject } from '../../proto/resource.ts';
import type { Kind } from './kind.ts';
import { FOREGROUND_FINALIZER, ORPHAN_FINALIZER } from './metadata.ts';

export type DeletionPlan =
  | { readonly type: 'remove' }
  /** `object` was changed to what must be stored. */
  | { readonly type: 'mark' }
  | { readonly type: 'keep' };

type Options = Pick<DeleteOptions, 'gracePeriodSeconds' | 'propagationPolicy'>;

/** Changes `object`, a private copy of what is stored, to the state that the plan leaves it in. */
export function planDeletion(
  kind: Kind,
  object: ApiObject,
  { options, nowMs }: { readonly options: Options; readonly nowMs: number },
): DeletionPlan {
  const { metadata } = object;
  const isFirst = metadata.deletionTimestamp === undefined;
  const graceSeconds = graceOf(kind, object, options);
  if (!isFirst && !mayGoOn(object, graceSeconds)) return { type: 'keep' };
  const finalizersChanged = setPropagation(kind, object, options);
  if (graceSeconds === 0 && !isHeld(kind, object)) return { type: 'remove' };
  if (!isFirst) return shorten(object, graceSeconds) || finalizersChanged ? MARK : { type: 'keep' };
  metadata.deletionTimestamp = timestampOf(nowMs + graceSeconds * 1000);
  metadata.deletionGracePeriodSeconds = graceSeconds;
  if (metadata.generation !== undefined) metadata.generation += 1;
  kind.prepareDelete?.(object);
  return MARK;
}

const MARK: DeletionPlan = { type: 'mark' };

/** True when an update leaves nothing that holds a deleted object back. */
export const isReadyToGo = (kind: Kind, object: ApiObject, previous: ApiObject): boolean =>
  previous.metadata.deletionTimestamp !== undefined &&
  (previous.metadata.deletionGracePeriodSeconds ?? 0) === 0 &&
  !isHeld(kind, object);

const isHeld = (kind: Kind, object: ApiObject): boolean =>
  (object.metadata.finalizers?.length ?? 0) > 0 || (kind.finalizers?.(object).length ?? 0) > 0;

/** Seconds to wait: the client's wish where the kind knows grace at all. */
function graceOf(kind: Kind, object: ApiObject, { gracePeriodSeconds }: Options): number {
  if (!kind.gracePeriod) return 0;
  const ownSeconds = kind.gracePeriod(object);
  // Negative means: the least that still lets containers end by themselves.
  const wished =
    gracePeriodSeconds !== undefined && gracePeriodSeconds < 0 ? 1 : gracePeriodSeconds;
  const pending = object.metadata.deletionGracePeriodSeconds;
  return ownSeconds === 0 ? 0 : (wished ?? pending ?? ownSeconds);
}

/** A second delete counts when it shortens the grace, or when only finalizers are in the way. */
function mayGoOn({ metadata }: ApiObject, graceSeconds: number): boolean {
  const pending = metadata.deletionGracePeriodSeconds ?? 0;
  return pending === 0 || graceSeconds < pending;
}

function shorten({ metadata }: ApiObject, graceSeconds: number): boolean {
  const pending = metadata.deletionGracePeriodSeconds ?? 0;
  if (graceSeconds >= pending) return false;
  const startedMs = Date.parse(metadata.deletionTimestamp!) - pending * 1000;
  metadata.deletionTimestamp = timestampOf(startedMs + graceSeconds * 1000);
  metadata.deletionGracePeriodSeconds = graceSeconds;
  return true;
}

/** The garbage collector's finalizers follow the wish of the last delete. */
function setPropagation(kind: Kind, { metadata }: ApiObject, options: Options): boolean {
  const before = metadata.finalizers ?? [];
  const own = before.filter((one) => one !== ORPHAN_FINALIZER && one !== FOREGROUND_FINALIZER);
  const after = [...own, ...propagationFinalizers(kind, before, options)];
  if (after.length === before.length && after.every((one) => before.includes(one))) return false;
  if (after.length > 0) metadata.finalizers = after;
  else delete metadata.finalizers;
  return true;
}

function propagationFinalizers(
  kind: Kind,
  before: readonly string[],
  { propagationPolicy }: Options,
): readonly string[] {
  switch (propagationPolicy ?? policyIn(before) ?? kind.defaultPropagation) {
    case 'Orphan':
      return [ORPHAN_FINALIZER];
    case 'Foreground':
      return [FOREGROUND_FINALIZER];
    default:
      return [];
  }
}

function policyIn(finalizers: readonly string[]): DeleteOptions['propagationPolicy'] {
  if (finalizers.includes(ORPHAN_FINALIZER)) return 'Orphan';
  return finalizers.includes(FOREGROUND_FINALIZER) ? 'Foreground' : undefined;
}
