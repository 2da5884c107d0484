// Why no node would do, in one line, in the form that kubectl users know:
//   0/3 nodes are available: 1 Insufficient cpu, 2 node(s) had untolerated taint(s).

import type { Refusal } from './framework.ts';

export interface Refusals {
  /** The pod as such was refused, before any node was looked at. */
  readonly outright?: Refusal;
  /** How many nodes each refusal hit. A node may name several reasons. */
  readonly byNode: ReadonlyMap<Refusal, number>;
  /** What was tried to make room. */
  readonly note?: string | undefined;
}

export function refusalMessage(nodeCount: number, { outright, byNode, note }: Refusals): string {
  if (nodeCount === 0) return 'no nodes available to schedule pods';
  const why = outright === undefined ? countedReasons(byNode) : outright.reasons.join(', ');
  const sentences = [why === '' ? '' : `${why}.`, note ?? ''].filter((it) => it !== '');
  return [`0/${nodeCount} nodes are available:`, ...sentences].join(' ');
}

/** Sorted as texts, count first, as upstream does. */
function countedReasons(byNode: ReadonlyMap<Refusal, number>): string {
  const counts = new Map<string, number>();
  for (const [{ reasons }, nodes] of byNode) {
    for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + nodes);
  }
  return [...counts]
    .map(([reason, nodes]) => `${nodes} ${reason}`)
    .sort()
    .join(', ');
}
