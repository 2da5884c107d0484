// Where the elements of a merged list go: what the patch named stands in the patch's order, the
// others in the order they had, and the two rows interleave as the list had it, as far as the
// patch's order allows. (The rule of Kubernetes' strategic merge patch.)

interface Orders {
  readonly patch: readonly unknown[];
  readonly current: readonly unknown[];
}

export function inOrderOf<T>(
  items: readonly T[],
  orders: Orders,
  identity: (item: T) => unknown = (item) => item,
): T[] {
  const rankInPatch = ranks(orders.patch, identity);
  const rankBefore = ranks(orders.current, identity);
  const patched = items
    .filter((item) => rankInPatch.has(identity(item)))
    .sort((a, b) => rankInPatch.get(identity(a))! - rankInPatch.get(identity(b))!);
  const others = items.filter((item) => !rankInPatch.has(identity(item)));

  const result: T[] = [];
  let next = 0;
  for (const item of patched) {
    const place = rankBefore.get(identity(item));
    for (; next < others.length && place !== undefined; next++) {
      const rank = rankBefore.get(identity(others[next]!));
      if (rank === undefined || rank > place) break;
      result.push(others[next]!);
    }
    result.push(item);
  }
  return [...result, ...others.slice(next)];
}

function ranks<T>(order: readonly unknown[], identity: (item: T) => unknown): Map<unknown, number> {
  const rank = new Map<unknown, number>();
  for (const [index, item] of order.entries()) {
    const name = identity(item as T);
    if (!rank.has(name)) rank.set(name, index);
  }
  return rank;
}
