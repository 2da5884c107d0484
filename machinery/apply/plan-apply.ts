// Server-side apply, decided but not carried out:
//
//   config → its fields → merge onto live → prune what was applied before and is not now
//     → changes → conflicts with other owners → the new owners
//
// Source of the rules: Kubernetes' server-side apply and its structured merge.

import { deepEqual } from '../equality.ts';
import { appliedFields } from './applied.ts';
import { type Changes, changesBetween, fieldsOfNew } from './changes.ts';
import type { Conflict } from './conflict.ts';
import {
  type FieldSet,
  filterTop,
  intersect,
  isEmpty,
  membersOf,
  NOTHING,
  union,
} from './field-set.ts';
import { pathTextOf } from './fields-v1.ts';
import {
  type Entry,
  entryOf,
  fieldsOf,
  isOf,
  type Manager,
  sorted,
  withoutFields,
} from './managers.ts';
import { mergeApplied } from './merge.ts';
import { pruneApplied } from './prune.ts';
import type { StructShape } from './shape.ts';

export interface Application {
  readonly shape: StructShape;
  /** What is stored; undefined when nothing is. */
  readonly live: object | undefined;
  readonly config: object;
  readonly entries: readonly Entry[];
  /** Its operation is Apply. */
  readonly manager: Manager;
  /** Take fields from their owners instead of refusing. */
  readonly force: boolean;
  readonly time: string;
  /** Top-level elements that this door writes; others are nobody's concern. */
  isWritten(element: string): boolean;
}

export type ApplyPlan =
  | { readonly type: 'malformed'; readonly faults: readonly string[] }
  | { readonly type: 'conflict'; readonly conflicts: readonly Conflict[] }
  | { readonly type: 'merged'; readonly object: object; readonly entries: readonly Entry[] };

/** Who set the fields of an object that nobody was known to own, before somebody applied it. */
const BEFORE_FIRST_APPLY = 'before-first-apply';

export function planApply(application: Application): ApplyPlan {
  const { shape, live, config, manager, isWritten } = application;
  const applied = appliedFields(shape, config);
  if (applied.faults.length > 0) return { type: 'malformed', faults: applied.faults };
  const fields = filterTop(applied.fields, isWritten);
  const entries = entriesBefore(application);
  const mine = entries.find((entry) => isOf(entry, manager));
  const others = entries.filter((entry) => entry !== mine);

  const merged = mergeApplied(shape, live ?? {}, config);
  const kept = others.map(fieldsOf).reduce(union, fields);
  const object = mine ? pruneApplied(shape, merged, { last: fieldsOf(mine), kept }) : merged;

  const changes = changesWithin(changesBetween(shape, live ?? {}, object), isWritten);
  const conflicts = application.force ? [] : conflictsWith(others, changes.set);
  if (conflicts.length > 0) return { type: 'conflict', conflicts };
  return {
    type: 'merged',
    object,
    entries: entriesAfter(application, { fields, mine, changes, entries }),
  };
}

export const changesWithin = (
  { set, removed }: Changes,
  isWritten: (element: string) => boolean,
): Changes => ({ set: filterTop(set, isWritten), removed: filterTop(removed, isWritten) });

function entriesBefore(application: Application): readonly Entry[] {
  const { shape, live, entries, manager, time, isWritten } = application;
  if (entries.length > 0 || live === undefined) return entries;
  const fields = filterTop(fieldsOfNew(shape, live), isWritten);
  if (isEmpty(fields)) return entries;
  const { apiVersion } = manager;
  return [entryOf({ name: BEFORE_FIRST_APPLY, operation: 'Update', apiVersion }, fields, time)];
}

function conflictsWith(others: readonly Entry[], set: FieldSet): readonly Conflict[] {
  if (isEmpty(set)) return [];
  return others.flatMap((entry) =>
    [...membersOf(intersect(fieldsOf(entry), set))].map((path) => ({
      owner: entry,
      field: pathTextOf(path),
    })),
  );
}

interface Outcome {
  readonly fields: FieldSet;
  readonly mine: Entry | undefined;
  readonly changes: Changes;
  readonly entries: readonly Entry[];
}

function entriesAfter(
  { manager, time }: Application,
  { fields, mine, changes, entries }: Outcome,
): readonly Entry[] {
  const isUnchanged = isEmpty(changes.set) && isEmpty(changes.removed);
  const before = mine ? fieldsOf(mine) : NOTHING;
  const isSameClaim = deepEqual(before, fields) && mine?.apiVersion === manager.apiVersion;
  if (isUnchanged && (isSameClaim || (mine === undefined && isEmpty(fields)))) return entries;
  const others = withoutFields(
    entries.filter((entry) => entry !== mine),
    [changes.set, changes.removed],
  );
  if (isEmpty(fields)) return sorted(others);
  return sorted([...others, entryOf(manager, fields, time)]);
}
