// A set of fields of an object, in the very form that managedFields stores (FieldsV1): a tree whose
// branches are path elements.
//
//   f:NAME field or map key · k:{…} list element by its keys · v:… element of a set · i:N position
//
// A leaf is in the set; a branch is when it holds '.'. Sets are values: nothing changes one.

export interface FieldSet {
  readonly [element: string]: FieldSet;
}

/** As a root: the empty set. As a leaf: this field. */
export const NOTHING: FieldSet = Object.freeze({});
export const LEAF: FieldSet = NOTHING;
export const SELF = '.';

type Growing = Record<string, FieldSet>;

export function isEmpty(set: FieldSet): boolean {
  for (const _ in set) return false;
  return true;
}

/** Whether a branch is itself in the set. */
export const isMember = (branch: FieldSet): boolean => SELF in branch || isEmpty(branch);

/** A branch of these children, in its one canonical form; undefined where nothing is left. */
export function branchOf(children: FieldSet, isIn: boolean): FieldSet | undefined {
  const has = SELF in children;
  if (isIn === has) {
    if (!has) return isEmpty(children) ? undefined : children;
    for (const element in children) if (element !== SELF) return children;
    return LEAF;
  }
  if (isIn) return isEmpty(children) ? LEAF : { [SELF]: LEAF, ...children };
  const { [SELF]: _, ...rest } = children;
  return isEmpty(rest) ? undefined : rest;
}

/** Answers `a` itself where `b` adds nothing. */
export function union(a: FieldSet, b: FieldSet): FieldSet {
  if (isEmpty(a)) return isEmpty(b) ? a : b;
  let out: Growing | undefined;
  for (const element in b) {
    if (element === SELF) continue;
    const mine = a[element];
    const theirs = b[element]!;
    const both = mine === undefined ? theirs : unionBranch(mine, theirs);
    if (both === mine) continue;
    out ??= { ...a };
    out[element] = both;
  }
  return out ?? a;
}

function unionBranch(mine: FieldSet, theirs: FieldSet): FieldSet {
  if (mine === theirs || (isEmpty(mine) && isEmpty(theirs))) return mine;
  const children = isEmpty(mine) ? theirs : union(mine, theirs);
  const isIn = isMember(mine) || isMember(theirs);
  // Nothing joined: the old branch may stay, so that the caller sees it.
  if (children === mine && isIn === isMember(mine)) return mine;
  return branchOf(children, isIn) ?? LEAF;
}

/** Fields of `a` that are not in `b`; answers `a` itself where `b` takes nothing. */
export function subtract(a: FieldSet, b: FieldSet): FieldSet {
  let out: Growing | undefined;
  for (const element in b) {
    const mine = a[element];
    if (element === SELF || mine === undefined) continue;
    const rest = subtractBranch(mine, b[element]!);
    if (rest === mine) continue;
    out ??= { ...a };
    if (rest === undefined) delete out[element];
    else out[element] = rest;
  }
  return out ?? a;
}

function subtractBranch(mine: FieldSet, theirs: FieldSet): FieldSet | undefined {
  const wasIn = isMember(mine);
  const children = isEmpty(mine) ? mine : subtract(mine, theirs);
  const isIn = wasIn && !isMember(theirs);
  return children === mine && isIn === wasIn ? mine : branchOf(children, isIn);
}

export function intersect(a: FieldSet, b: FieldSet): FieldSet {
  const out: Growing = {};
  for (const element in a) {
    const mine = a[element]!;
    const theirs = b[element];
    if (element === SELF || theirs === undefined) continue;
    const children = intersect(mine, theirs);
    const both = branchOf(children, isMember(mine) && isMember(theirs));
    if (both !== undefined) out[element] = both;
  }
  return out;
}

/** Keeps the top-level elements that `isKept`; answers `set` itself where all are. */
export function filterTop(set: FieldSet, isKept: (element: string) => boolean): FieldSet {
  let out: Growing | undefined;
  for (const element in set) {
    if (isKept(element)) continue;
    out ??= { ...set };
    delete out[element];
  }
  return out ?? set;
}

/** Every member, from the outside in, as the elements on its way. */
export function* membersOf(
  set: FieldSet,
  before: readonly string[] = [],
): Generator<readonly string[]> {
  for (const element in set) {
    if (element === SELF) continue;
    const path = [...before, element];
    if (isMember(set[element]!)) yield path;
    yield* membersOf(set[element]!, path);
  }
}
