// How raw scores become 0..SCORE_MAX, as upstream does it: in proportion to the highest, in whole
// numbers.

import { SCORE_MAX } from './framework.ts';

export function proportional(scores: Float64Array, count: number): void {
  const highest = highestOf(scores, count);
  if (highest === 0) return;
  for (let i = 0; i < count; i++) scores[i] = Math.floor((SCORE_MAX * scores[i]!) / highest);
}

/** The highest raw score becomes 0; where all are 0, all are best. */
export function reversed(scores: Float64Array, count: number): void {
  proportional(scores, count);
  for (let i = 0; i < count; i++) scores[i] = SCORE_MAX - scores[i]!;
}

function highestOf(scores: Float64Array, count: number): number {
  let highest = 0;
  for (let i = 0; i < count; i++) if (scores[i]! > highest) highest = scores[i]!;
  return highest;
}
