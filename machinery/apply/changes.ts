// Two states of an object → the fields that were set and those that went. What both states share
// by reference is not looked at; an object that is new as a whole is walked once.

import { deepEqual } from '../equality.ts';
import { type FieldSet, isEmpty, LEAF, NOTHING, SELF } from './field-set.ts';
import type { FieldShape, ListShape, Shape, StructShape } from './shape.ts';

export interface Changes {
  /** Added, or another value than before. */
  readonly set: FieldSet;
  readonly removed: FieldSet;
}

type Fields = Record<string, unknown>;
type Growing = Record<string, FieldSet>;

/** Grows only where there is something to tell. */
interface Diff {
  set: Growing | undefined;
  removed: Growing | undefined;
}

export function changesBetween(shape: StructShape, before: object, after: object): Changes {
  const diff: Diff = { set: undefined, removed: undefined };
  compareStructs(shape, before as Fields, after as Fields, diff);
  return { set: diff.set ?? NOTHING, removed: diff.removed ?? NOTHING };
}

/** The fields that somebody set who made all of this object. */
export const fieldsOfNew = (shape: StructShape, object: object): FieldSet =>
  changesBetween(shape, {}, object).set;

/** The value as it would be stored; undefined where it would not be. */
function storedValue({ dropsZero, dropsEmpty }: FieldShape, value: unknown): unknown {
  if (value === undefined || value === null) return undefined;
  if (dropsZero && (value === '' || value === 0 || value === false)) return undefined;
  return dropsEmpty && isEmpty(value as FieldSet) ? undefined : value;
}

function compareStructs(shape: StructShape, before: Fields, after: Fields, diff: Diff): void {
  const { fields } = shape;
  for (const name in after) {
    const old = before[name];
    const now = after[name];
    if (old === now) continue;
    const field = fields.get(name);
    if (field?.isOwned) compareFields(field, old, now, diff);
  }
  for (const name in before) {
    if (name in after) continue;
    const field = fields.get(name);
    if (field?.isOwned) compareFields(field, before[name], undefined, diff);
  }
}

function compareFields(field: FieldShape, before: unknown, after: unknown, diff: Diff): void {
  const old = storedValue(field, before) ?? field.zero;
  const now = storedValue(field, after) ?? field.zero;
  if (old !== now) compare(field.element, field.shape, [old, now], diff);
}

function compare(
  element: string,
  shape: Shape,
  [before, after]: readonly [unknown, unknown],
  diff: Diff,
): void {
  if (before === undefined) {
    if (after !== undefined) put(diff, 'set', element, allOf(shape, after));
    return;
  }
  if (after === undefined) {
    put(diff, 'removed', element, allOf(shape, before));
    return;
  }
  if (shape.kind === 'leaf') {
    if (!deepEqual(before, after)) put(diff, 'set', element, LEAF);
    return;
  }
  const inner: Diff = { set: undefined, removed: undefined };
  if (shape.kind === 'struct') compareStructs(shape, before as Fields, after as Fields, inner);
  else if (shape.kind === 'map') compareMaps(shape.item, before as Fields, after as Fields, inner);
  else compareLists(shape, before as unknown[], after as unknown[], inner);
  if (inner.set) put(diff, 'set', element, inner.set);
  if (inner.removed) put(diff, 'removed', element, inner.removed);
}

function put(diff: Diff, side: 'set' | 'removed', element: string, branch: FieldSet): void {
  diff[side] ??= {};
  diff[side][element] = branch;
}

function compareMaps(item: Shape, before: Fields, after: Fields, diff: Diff): void {
  for (const key in after) {
    const old = Object.hasOwn(before, key) ? before[key] : undefined;
    compare(`f:${key}`, item, [old ?? undefined, after[key] ?? undefined], diff);
  }
  for (const key in before) {
    if (Object.hasOwn(after, key)) continue;
    compare(`f:${key}`, item, [before[key] ?? undefined, undefined], diff);
  }
}

/** Elements that share a name are one field, whose value is all of them. */
class Twins {
  readonly items: unknown[];

  constructor(items: unknown[]) {
    this.items = items;
  }
}

function compareLists(
  shape: ListShape,
  before: readonly unknown[],
  after: readonly unknown[],
  diff: Diff,
): void {
  // Most lists are as they were, and naming elements costs more than comparing them.
  if (deepEqual(before, after)) return;
  const olds = byElement(shape, before);
  const news = byElement(shape, after);
  for (const [element, now] of news)
    compareElements(element, shape, [olds.get(element), now], diff);
  for (const [element, old] of olds) {
    if (!news.has(element)) compareElements(element, shape, [old, undefined], diff);
  }
}

function byElement(shape: ListShape, list: readonly unknown[]): Map<string, unknown> {
  const found = new Map<string, unknown>();
  for (const item of list) {
    const element = elementOf(shape, item);
    const twin = found.get(element);
    if (twin === undefined) found.set(element, item);
    else if (twin instanceof Twins) twin.items.push(item);
    else found.set(element, new Twins([twin, item]));
  }
  return found;
}

/** Stored lists are what validation let pass: an element without keys has at least a place here. */
const elementOf = (shape: ListShape, item: unknown): string => shape.elementOf(item) ?? 'k:{}';

function compareElements(
  element: string,
  shape: ListShape,
  [before, after]: readonly [unknown, unknown],
  diff: Diff,
): void {
  if (!(before instanceof Twins) && !(after instanceof Twins)) {
    compare(element, shape.item, [before, after], diff);
    return;
  }
  if (before instanceof Twins && after instanceof Twins) {
    if (!deepEqual(before.items, after.items)) put(diff, 'set', element, LEAF);
    return;
  }
  if (before !== undefined) put(diff, 'removed', element, wholeOf(shape, before));
  if (after !== undefined) put(diff, 'set', element, wholeOf(shape, after));
}

const wholeOf = (shape: ListShape, value: unknown): FieldSet =>
  value instanceof Twins ? LEAF : allOf(shape.item, value);

/** A field that is there or not as a whole: itself, and all that is in it. */
function allOf(shape: Shape, value: unknown): FieldSet {
  if (shape.kind === 'leaf' || typeof value !== 'object' || value === null) return LEAF;
  const out: Growing = { [SELF]: LEAF };
  let size = 0;
  if (shape.kind === 'struct') {
    for (const name in value) {
      const field = shape.fields.get(name);
      const inner = field && storedValue(field, (value as Fields)[name]);
      if (inner === undefined) continue;
      out[field!.element] = allOf(field!.shape, inner);
      size++;
    }
  } else if (shape.kind === 'map') {
    for (const key in value) {
      out[`f:${key}`] = allOf(shape.item, (value as Fields)[key]);
      size++;
    }
  } else {
    for (const item of value as unknown[]) {
      const element = elementOf(shape, item);
      out[element] = element in out ? LEAF : allOf(shape.item, item);
      size++;
    }
  }
  return size === 0 ? LEAF : out;
}
