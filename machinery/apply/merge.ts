// An applied configuration laid over the live object. Pure: shares what it does not change.

import { own, setOwn } from './own.ts';
import type { ListShape, Shape, StructShape } from './shape.ts';

export const mergeApplied = (shape: StructShape, live: object, config: object): object =>
  mergeValue(shape, live, config) as object;

function mergeValue(shape: Shape, live: unknown, config: unknown): unknown {
  if (shape.kind === 'leaf' || live === undefined || live === null) return config;
  // Null says nothing about what has owners inside of it.
  if (config === null) return live;
  if (shape.kind === 'list') return mergeList(shape, live as unknown[], config as unknown[]);
  const out: Record<string, unknown> = { ...live };
  for (const name in config as Record<string, unknown>) {
    const inner = shape.kind === 'map' ? shape.item : shape.fields.get(name)?.shape;
    if (inner === undefined) continue;
    setOwn(out, name, mergeValue(inner, own(live, name), own(config as object, name)));
  }
  return out;
}

/**
 * What the configuration names stands in its order; what only the live list has keeps its place
 * before the element that it stood before.
 */
function mergeList(
  shape: ListShape,
  live: readonly unknown[],
  config: readonly unknown[],
): readonly unknown[] {
  const elements = live.map((item) => shape.elementOf(item));
  const before = new Map<string | undefined, unknown>();
  for (const [index, element] of elements.entries()) {
    if (before.has(element)) before.set(element, undefined);
    else before.set(element, live[index]);
  }
  const named = config.map((item) => ({ item, element: shape.elementOf(item) }));
  const isNamed = new Set(named.map(({ element }) => element));
  const out: unknown[] = [];
  let next = 0;
  const takeNamed = (end: number): void => {
    for (; next < end; next++) {
      const { item, element } = named[next]!;
      out.push(mergeValue(shape.item, before.get(element), item));
    }
  };
  const nextShared = (): number =>
    named.findIndex(({ element }, index) => index >= next && before.has(element));
  for (const [index, element] of elements.entries()) {
    if (!isNamed.has(element)) out.push(live[index]);
    else {
      const shared = nextShared();
      if (shared >= 0 && named[shared]!.element === element) takeNamed(shared + 1);
    }
  }
  takeNamed(named.length);
  return out;
}
