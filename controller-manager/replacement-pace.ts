// Pods that fail at once (a node that refuses them, say) are replaced ever more slowly: without a
// pause a controller and a kubelet would fill the store as fast as they can. Pure.

import type { Pod } from '../proto/generated/core.v1.ts';

/** Failures older than this no longer count. */
const MEMORY_MS = 5 * 60_000;
/** So many failures are replaced at once: nodes do die, and pods are evicted. */
const FREE_FAILURES = 10;
const PAUSE_FIRST_MS = 500;
const PAUSE_MS_MAX = 60_000;

/** How long the next replacement has to wait; 0: not at all. */
export function replacementDelayMs(pods: readonly Pod[], nowMs: number): number {
  const failuresMs = pods
    .filter(({ status }) => status?.phase === 'Failed')
    .map(({ metadata }) => Date.parse(metadata.creationTimestamp ?? ''))
    .filter((createdMs) => nowMs - createdMs < MEMORY_MS);
  const excess = failuresMs.length - FREE_FAILURES;
  if (excess <= 0) return 0;
  const pauseMs = Math.min(PAUSE_MS_MAX, PAUSE_FIRST_MS * 2 ** Math.min(excess, 20));
  return Math.max(0, Math.max(...failuresMs) + pauseMs - nowMs);
}
