// The fields that an applied configuration names: what its applier will own. A configuration is
// only what its author wants to say, so a field counts even where its value is a zero or null.

import { branchOf, type FieldSet, LEAF, NOTHING, SELF } from './field-set.ts';
import { pathTextOf } from './fields-v1.ts';
import type { ListShape, Shape, StructShape } from './shape.ts';

export interface Applied {
  readonly fields: FieldSet;
  /** Why it cannot be applied, with paths; empty where it can. */
  readonly faults: readonly string[];
}

/** More faults than anybody reads. */
const FAULTS_MAX = 20;

interface Walk {
  readonly path: string[];
  readonly faults: string[];
}

export function appliedFields(shape: StructShape, config: object): Applied {
  const walk: Walk = { path: [], faults: [] };
  const fields = ofStruct(shape, config as Record<string, unknown>, walk) ?? NOTHING;
  return { fields, faults: walk.faults };
}

/** Undefined where the value names nothing: a branch that is not in the set. */
function ofValue(shape: Shape, value: unknown, walk: Walk): FieldSet | undefined {
  if (shape.kind === 'leaf' || value === null || typeof value !== 'object') return LEAF;
  if (shape.kind === 'list') return ofList(shape, value as unknown[], walk);
  for (const _ in value) {
    const fields = value as Record<string, unknown>;
    return shape.kind === 'struct'
      ? ofStruct(shape, fields, walk)
      : ofMap(shape.item, fields, walk);
  }
  return LEAF;
}

function ofStruct(
  shape: StructShape,
  value: Record<string, unknown>,
  walk: Walk,
): FieldSet | undefined {
  const out: Record<string, FieldSet> = {};
  for (const name in value) {
    const field = shape.fields.get(name);
    if (!field?.isOwned) continue;
    walk.path.push(field.element);
    const inner = ofValue(field.shape, value[name], walk);
    walk.path.pop();
    if (inner !== undefined) out[field.element] = inner;
  }
  return branchOf(out, false);
}

function ofMap(item: Shape, value: Record<string, unknown>, walk: Walk): FieldSet | undefined {
  const out: Record<string, FieldSet> = {};
  for (const key in value) {
    const element = `f:${key}`;
    walk.path.push(element);
    out[element] = branchOf(ofValue(item, value[key], walk) ?? NOTHING, true) ?? LEAF;
    walk.path.pop();
  }
  return branchOf(out, false);
}

function ofList(shape: ListShape, list: readonly unknown[], walk: Walk): FieldSet | undefined {
  const out: Record<string, FieldSet> = {};
  for (const [index, item] of list.entries()) {
    const element = shape.elementOf(item);
    if (element === undefined || item === null) {
      fault(walk, `element ${index}: ${keylessText(shape)}`);
      continue;
    }
    if (element in out) {
      fault(walk, `duplicate entries for key ${pathTextOf([element])}`);
      continue;
    }
    walk.path.push(element);
    const inner = ofValue(shape.item, item, walk);
    walk.path.pop();
    out[element] = inner === undefined || inner === LEAF ? LEAF : { [SELF]: LEAF, ...inner };
  }
  return branchOf(out, false);
}

const keylessText = ({ keys }: ListShape): string =>
  keys.length === 0
    ? 'a list that is a set may not have a null element'
    : `a list with keys has an element that omits all key fields ${JSON.stringify(keys)} ` +
      "(and doesn't have default values for any key fields)";

function fault({ path, faults }: Walk, why: string): void {
  if (faults.length < FAULTS_MAX) faults.push(`${pathTextOf(path)}: ${why}`);
}
