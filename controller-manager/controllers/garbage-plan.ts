// Garbage collection, the policy: what becomes of an object, given the state of its owners and of
// its dependents. Pure.
//
//   deleting, finalizer `orphan`              dependents lose the reference, then it may go
//   deleting, finalizer `foregroundDeletion`  waits until no dependent blocks it
//   otherwise                                 lives while one owner is solid; goes with the last

import { isDeleting } from '../../machinery/object.ts';
import type { OwnerReference } from '../../proto/generated/meta.v1.ts';
import type { ApiObject } from '../../proto/resource.ts';

export const ORPHAN = 'orphan';
export const FOREGROUND = 'foregroundDeletion';

/**
 * solid: it is there, and does not wait for its dependents · absent: the API says it is gone ·
 * waiting: it is being deleted and waits for its dependents.
 */
export type OwnerState = 'solid' | 'absent' | 'waiting';

export type Propagation = 'Background' | 'Foreground' | 'Orphan';

export type GarbagePlan =
  | { readonly type: 'keep' }
  /** Take these owners' references away: another owner holds it. */
  | { readonly type: 'unlink'; readonly uids: readonly string[] }
  | { readonly type: 'delete'; readonly propagation: Propagation }
  /** Its dependents become nobody's, then the finalizer goes. */
  | { readonly type: 'orphan' }
  /** Nothing blocks it any more. */
  | { readonly type: 'release' };

export interface OwnedBy {
  readonly reference: OwnerReference;
  readonly state: OwnerState;
}

export interface GarbageRequest {
  readonly object: ApiObject;
  readonly owners: readonly OwnedBy[];
  readonly hasDependents: boolean;
  readonly hasBlockingDependents: boolean;
}

const KEEP: GarbagePlan = { type: 'keep' };

export function planGarbage(request: GarbageRequest): GarbagePlan {
  const { object, owners, hasDependents, hasBlockingDependents } = request;
  const finalizers = object.metadata.finalizers ?? [];
  if (isDeleting(object)) {
    if (finalizers.includes(ORPHAN)) return { type: 'orphan' };
    if (!finalizers.includes(FOREGROUND)) return KEEP;
    return hasBlockingDependents ? KEEP : { type: 'release' };
  }
  if (owners.length === 0) return KEEP;
  const gone = owners.filter(({ state }) => state !== 'solid');
  if (gone.length === 0) return KEEP;
  if (gone.length < owners.length) {
    return { type: 'unlink', uids: gone.map(({ reference }) => reference.uid) };
  }
  // A waiting owner waits for what hangs below this object, too.
  const isAwaited = owners.some(({ state }) => state === 'waiting');
  if (isAwaited && hasDependents) return { type: 'delete', propagation: 'Foreground' };
  return { type: 'delete', propagation: propagationOf(finalizers) };
}

/** Who set one of the finalizers beforehand has chosen. */
function propagationOf(finalizers: readonly string[]): Propagation {
  if (finalizers.includes(ORPHAN)) return 'Orphan';
  return finalizers.includes(FOREGROUND) ? 'Foreground' : 'Background';
}
