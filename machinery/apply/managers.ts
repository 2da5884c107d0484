// The entries of managedFields: who owns which fields, by which operation. Pure; an answer is the
// very list that came in where nothing changed.

import type { ManagedFieldsEntry } from '../../proto/generated/meta.v1.ts';
import type { Changes } from './changes.ts';
import { type FieldSet, isEmpty, NOTHING, subtract, union } from './field-set.ts';
import { FieldsError, parseFields } from './fields-v1.ts';

export type Entry = ManagedFieldsEntry;

export interface Manager {
  readonly name: string;
  readonly operation: 'Apply' | 'Update';
  /** Version that its field names belong to. */
  readonly apiVersion: string;
  readonly subresource?: string | undefined;
}

/** As upstream: writers that never apply share one entry when there are more, the oldest first. */
const UPDATERS_MAX = 10;
const SHARED_UPDATER = 'ancient-changes';
/** Entries that a client may bring along in an update; nobody has so many managers. */
const ENTRIES_MAX = 1_000;

export const fieldsOf = ({ fieldsV1 }: Entry): FieldSet => (fieldsV1 ?? NOTHING) as FieldSet;

/** Versions of an applier are the same applier. */
export const isOf = (entry: Entry, manager: Manager): boolean =>
  entry.manager === manager.name &&
  entry.operation === manager.operation &&
  (entry.subresource ?? '') === (manager.subresource ?? '') &&
  (manager.operation === 'Apply' || entry.apiVersion === manager.apiVersion);

export const entryOf = (
  { name, operation, apiVersion, subresource }: Manager,
  fields: FieldSet,
  time: string,
): Entry => ({
  manager: name,
  operation,
  apiVersion,
  time,
  fieldsType: 'FieldsV1',
  fieldsV1: fields,
  ...(subresource !== undefined && subresource !== '' && { subresource }),
});

/** A write that is no apply: its manager owns what it changed, and nobody what it removed. */
export function entriesAfterUpdate(
  entries: readonly Entry[],
  { set, removed }: Changes,
  manager: Manager,
  time: string,
): readonly Entry[] {
  if (isEmpty(set) && isEmpty(removed)) return entries;
  const mine = entries.find((entry) => isOf(entry, manager));
  const others = withoutFields(
    entries.filter((entry) => entry !== mine),
    [set, removed],
  );
  const before = mine ? fieldsOf(mine) : NOTHING;
  const fields = union(subtract(before, removed), set);
  if (isEmpty(fields)) return sorted(others);
  if (!isEmpty(set)) return sorted(withoutTooMany([...others, entryOf(manager, fields, time)]));
  // Who only removed something owns nothing new, and keeps the time of what is left.
  return sorted([...others, { ...mine, fieldsV1: fields }]);
}

export function withoutFields(
  entries: readonly Entry[],
  taken: readonly FieldSet[],
): readonly Entry[] {
  return entries.flatMap((entry) => {
    const before = fieldsOf(entry);
    const left = taken.reduce(subtract, before);
    if (left === before) return [entry];
    return isEmpty(left) ? [] : [{ ...entry, fieldsV1: left }];
  });
}

/** Upstream's order, which is what people see. */
export const sorted = (entries: readonly Entry[]): readonly Entry[] =>
  entries.length < 2 ? entries : [...entries].sort(compareEntries);

const ORDER = ['operation', 'time', 'manager', 'apiVersion', 'subresource'] as const;

function compareEntries(a: Entry, b: Entry): number {
  for (const field of ORDER) {
    const left = a[field] ?? '';
    const right = b[field] ?? '';
    if (left !== right) return left < right ? -1 : 1;
  }
  return 0;
}

function withoutTooMany(entries: readonly Entry[]): readonly Entry[] {
  const updaters = entries.filter(({ operation }) => operation === 'Update').sort(compareEntries);
  if (updaters.length <= UPDATERS_MAX) return entries;
  const left = new Set(entries);
  const firstOf = new Map<string, Entry>();
  let count = updaters.length;
  for (const entry of updaters) {
    if (count <= UPDATERS_MAX) break;
    const version = entry.apiVersion ?? '';
    const first = firstOf.get(version);
    if (first === undefined) {
      firstOf.set(version, entry);
      continue;
    }
    const shared = joined(first, entry);
    left.delete(first);
    left.delete(entry);
    left.add(shared);
    firstOf.set(version, shared);
    count--;
  }
  return [...left];
}

/** `later` has the time that counts. */
function joined(earlier: Entry, later: Entry): Entry {
  const manager: Manager = {
    name: SHARED_UPDATER,
    operation: 'Update',
    apiVersion: later.apiVersion ?? '',
  };
  return entryOf(manager, union(fieldsOf(earlier), fieldsOf(later)), later.time ?? '');
}

/** The client asks that nobody be known to own anything: `[]` or `[{}]`. */
export const isReset = (entries: readonly Entry[]): boolean =>
  entries.length === 0 || (entries.length === 1 && Object.keys(entries[0]!).length === 0);

/** Entries that a client wrote, in canonical form; undefined where they are not usable. */
export function parseEntries(entries: readonly Entry[]): readonly Entry[] | undefined {
  if (entries.length > ENTRIES_MAX || !entries.every(isUsable)) return undefined;
  try {
    return sorted(
      entries.flatMap((entry) => {
        const fields = parseFields(entry.fieldsV1 ?? {});
        return isEmpty(fields) ? [] : [{ ...entry, fieldsV1: fields }];
      }),
    );
  } catch (error) {
    if (error instanceof FieldsError) return undefined;
    throw error;
  }
}

const isUsable = ({ operation, apiVersion, fieldsType }: Entry): boolean =>
  (operation === 'Apply' || operation === 'Update') &&
  (apiVersion ?? '') !== '' &&
  fieldsType === 'FieldsV1';
