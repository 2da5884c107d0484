// Takes out of a merged object what its applier named last time, does not name any more, and
// nobody else owns. A struct, list or map that nobody names goes as a whole, with the defaults
// that came into it. Pure: shares what it does not change.

import { type FieldSet, isMember, NOTHING, SELF } from './field-set.ts';
import { own, setOwn } from './own.ts';
import type { ListShape, Shape, StructShape } from './shape.ts';

export interface Claims {
  /** What the applier owned until now. */
  readonly last: FieldSet;
  /** What anybody owns from now on, the applier included. */
  readonly kept: FieldSet;
}

export function pruneApplied(shape: StructShape, object: object, claims: Claims): object {
  return pruneStruct(shape, object, claims);
}

function pruneStruct(shape: StructShape, value: object, { last, kept }: Claims): object {
  let out: object | undefined;
  for (const element in last) {
    const name = element.slice(2);
    const field = shape.fields.get(name);
    if (element === SELF || field === undefined || !Object.hasOwn(value, name)) continue;
    const stays = kept[element] ?? (field.isPermanent ? NOTHING : undefined);
    const before = own(value, name);
    const after = stays && pruneValue(field.shape, before, { last: last[element]!, kept: stays });
    if (after === before) continue;
    out ??= { ...value };
    if (after === undefined) delete (out as Record<string, unknown>)[name];
    else setOwn(out, name, after);
  }
  return out ?? value;
}

/** The value is kept, but perhaps not all in it; undefined where nothing is left of it. */
function pruneValue(shape: Shape, value: unknown, claims: Claims): unknown {
  if (shape.kind === 'leaf' || typeof value !== 'object' || value === null) return value;
  const after =
    shape.kind === 'struct'
      ? pruneStruct(shape, value, claims)
      : shape.kind === 'map'
        ? pruneMap(shape.item, value, claims)
        : pruneList(shape, value as unknown[], claims);
  if (after === value || isMember(claims.kept)) return after;
  for (const _ in after) return after;
  return undefined;
}

function pruneMap(item: Shape, value: object, { last, kept }: Claims): object {
  let out: object | undefined;
  for (const element in last) {
    const key = element.slice(2);
    if (element === SELF || !Object.hasOwn(value, key)) continue;
    const before = own(value, key);
    const after = pruneItem(item, before, { last: last[element]!, kept: kept[element] });
    if (after === before) continue;
    out ??= { ...value };
    if (after === undefined) delete (out as Record<string, unknown>)[key];
    else setOwn(out, key, after);
  }
  return out ?? value;
}

function pruneList(shape: ListShape, list: readonly unknown[], { last, kept }: Claims) {
  let isChanged = false;
  const out: unknown[] = [];
  for (const before of list) {
    const element = shape.elementOf(before);
    const was = element === undefined ? undefined : last[element];
    const after =
      was === undefined || element === undefined
        ? before
        : pruneItem(shape.item, before, { last: was, kept: kept[element] });
    if (after !== before) isChanged = true;
    if (after !== undefined) out.push(after);
  }
  return isChanged ? out : list;
}

/** Items are there because somebody owns them, not because of what they hold. */
function pruneItem(
  shape: Shape,
  item: unknown,
  { last, kept }: { readonly last: FieldSet; readonly kept: FieldSet | undefined },
): unknown {
  if (isMember(last) && !(kept && isMember(kept))) return undefined;
  return pruneValue(shape, item, { last, kept: kept ?? NOTHING });
}
