// managedFields: who owns which fields of an object, kept on every write. What a new object says,
// with its defaults, belongs to its manager; what the server adds to it (an account's volumes, an
// address, a job's selector, a binding) belongs to nobody. An apply decides its owners itself.

import { changesBetween, fieldsOfNew } from '../../machinery/apply/changes.ts';
import { filterTop, NOTHING } from '../../machinery/apply/field-set.ts';
import {
  type Entry,
  entriesAfterUpdate,
  isReset,
  type Manager,
  parseEntries,
} from '../../machinery/apply/managers.ts';
import { changesWithin } from '../../machinery/apply/plan-apply.ts';
import { timestampOf } from '../../machinery/clock.ts';
import { deepEqual } from '../../machinery/equality.ts';
import { type ApiObject, apiVersionOf } from '../../proto/resource.ts';
import type { Context } from './context.ts';
import { invalid } from './invalid.ts';
import type { Kind } from './kind.ts';
import type { Call } from './registry.ts';

/** A call on its way to the store. */
export interface Write extends Call {
  /** The object's managedFields say already who owns what. */
  readonly isApplied?: true;
  /** The subresource that owners see, where the call goes on as one for the whole object. */
  readonly through?: string;
}

type World = Pick<Context, 'clock' | 'shapeOf'>;

/** As upstream. */
const MANAGER_BYTES_MAX = 128;
const NO_ENTRIES: readonly Entry[] = [];

export function recordCreation(world: World, write: Write, object: ApiObject): void {
  if (write.isApplied) return;
  const { metadata } = object;
  const given = metadata.managedFields;
  const before = given && !isReset(given) ? (parseEntries(given) ?? NO_ENTRIES) : NO_ENTRIES;
  const all = fieldsOfNew(world.shapeOf(write.kind.resource.type), object);
  const changes = { set: filterTop(all, writtenBy(write)), removed: NOTHING };
  const time = timestampOf(world.clock.now());
  setEntries(object, entriesAfterUpdate(before, changes, managerOf(write, 'Update'), time));
}

export function recordUpdate(
  world: World,
  write: Write,
  { object, previous }: { readonly object: ApiObject; readonly previous: ApiObject },
): void {
  const stored = previous.metadata.managedFields ?? NO_ENTRIES;
  if (write.isApplied) {
    if (isSameButTimes(object, previous)) setEntries(object, stored);
    return;
  }
  const before = entriesBefore(object.metadata.managedFields, stored, write);
  // Nobody is known to own anything, so nobody begins to: until somebody applies.
  if (before.length === 0) {
    setEntries(object, before);
    return;
  }
  const shape = world.shapeOf(write.kind.resource.type);
  const changes = changesWithin(changesBetween(shape, previous, object), writtenBy(write));
  const time = timestampOf(world.clock.now());
  setEntries(object, entriesAfterUpdate(before, changes, managerOf(write, 'Update'), time));
}

function setEntries({ metadata }: ApiObject, entries: readonly Entry[]): void {
  if (entries.length === 0) delete metadata.managedFields;
  else metadata.managedFields = entries as Entry[];
}

/** Clients that know nothing of owners leave them out or send them back; few mean to change them. */
function entriesBefore(
  given: readonly Entry[] | undefined,
  stored: readonly Entry[],
  { subresource }: Write,
): readonly Entry[] {
  if (given === undefined || subresource !== undefined) return stored;
  if (isReset(given)) return NO_ENTRIES;
  if (deepEqual(given, stored)) return stored;
  const parsed = parseEntries(given) ?? NO_ENTRIES;
  return parsed.length === 0 ? stored : parsed;
}

/** An apply that says nothing new must not look like a change. */
function isSameButTimes(object: ApiObject, previous: ApiObject): boolean {
  const entries = object.metadata.managedFields ?? NO_ENTRIES;
  const stored = previous.metadata.managedFields ?? NO_ENTRIES;
  if (entries === stored) return true;
  return (
    deepEqual(entries.map(timeless), stored.map(timeless)) &&
    deepEqual(ownerless(object), ownerless(previous))
  );
}

const timeless = ({ time: _, ...rest }: Entry): Entry => rest;

/** The object without managedFields: a copy that shares the rest. */
export function ownerless(object: ApiObject): ApiObject {
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata };
}

export function managerOf(write: Write, operation: Manager['operation']): Manager {
  const { kind, fieldManager, userAgent, user, through, subresource } = write;
  if (fieldManager !== undefined) checkManager(fieldManager, operation);
  return {
    name: fieldManager ?? (programOf(userAgent) || programOf(user.name) || 'unknown'),
    operation,
    apiVersion: apiVersionOf(kind.resource),
    subresource: through ?? subresource,
  };
}

function checkManager(name: string, operation: Manager['operation']): void {
  const isLong = Buffer.byteLength(name) > MANAGER_BYTES_MAX;
  if (!isLong && !/\p{C}/u.test(name)) return;
  const what = operation === 'Apply' ? 'PatchOptions' : 'UpdateOptions';
  throw optionsInvalid(what, {
    reason: isLong ? 'FieldValueTooLong' : 'FieldValueInvalid',
    field: 'fieldManager',
    message: isLong
      ? `Too long: may not be more than ${MANAGER_BYTES_MAX} bytes`
      : `Invalid value: ${JSON.stringify(name)}: should only contain printable characters`,
  });
}

export const optionsInvalid = (
  kind: string,
  cause: { readonly reason: string; readonly field: string; readonly message: string },
) => invalid({ group: 'meta.k8s.io', kind }, '', [cause]);

/** `kubectl/v1.36 (linux)` → `kubectl`; `system:kube-scheduler` → `kube-scheduler`. */
function programOf(text = ''): string {
  const [program = ''] = text.split('/', 1);
  const [, role] = /^system:([^:]+)/.exec(program) ?? [];
  // What speaks for a node is known by another name.
  const name = role === 'node' ? 'kubelet' : (role ?? program);
  return name.replace(/\p{C}/gu, '').slice(0, MANAGER_BYTES_MAX);
}

/** Through a door that writes only the status, nobody comes to own a spec; and the other way. */
export function writtenBy({ kind, subresource }: Pick<Write, 'kind' | 'subresource'>) {
  if (subresource === 'status') return isOfStatusDoor;
  return hasStatusDoor(kind) ? isNoStatus : isAnything;
}

const hasStatusDoor = ({ hasStatus }: Kind): boolean => hasStatus === true;
const isOfStatusDoor = (element: string): boolean =>
  element === 'f:status' || element === 'f:metadata';
const isNoStatus = (element: string): boolean => element !== 'f:status';
const isAnything = (): boolean => true;
