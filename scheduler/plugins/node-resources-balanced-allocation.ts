// Prefers nodes whose cpu and memory would be used in equal parts, so that neither is left over.

import { check, SCORE_MAX, type ScorePlugin, SKIP } from '../framework.ts';
import { CPU, MEMORY } from '../resources.ts';

interface Wanted {
  readonly cpu: number;
  readonly memory: number;
}

export const nodeResourcesBalancedAllocation = {
  name: 'NodeResourcesBalancedAllocation',

  sign: ({ requests }) => requests.sign,

  /** A pod that requests neither would pile up on the best balanced node: no opinion on it. */
  preScore({ requests: { columns, amounts } }) {
    const [cpuAt, memoryAt] = [columns.indexOf(CPU), columns.indexOf(MEMORY)];
    if (cpuAt < 0 && memoryAt < 0) return SKIP;
    return check({ cpu: amounts[cpuAt] ?? 0, memory: amounts[memoryAt] ?? 0 });
  },

  score: (wanted, nodes, row) =>
    balanceOf(
      wanted.cpu + (nodes.requested[CPU]?.[row] ?? 0),
      nodes.allocatable[CPU]?.[row] ?? 0,
      wanted.memory + (nodes.requested[MEMORY]?.[row] ?? 0),
      nodes.allocatable[MEMORY]?.[row] ?? 0,
    ),

  scoreAll(wanted, nodes, { rows, count }, scores) {
    const [cpu, memory] = [nodes.allocatable[CPU], nodes.allocatable[MEMORY]];
    const [cpuUsed, memoryUsed] = [nodes.requested[CPU], nodes.requested[MEMORY]];
    for (let i = 0; i < count; i++) {
      const row = rows[i]!;
      scores[i] = balanceOf(
        wanted.cpu + (cpuUsed?.[row] ?? 0),
        cpu?.[row] ?? 0,
        wanted.memory + (memoryUsed?.[row] ?? 0),
        memory?.[row] ?? 0,
      );
    }
  },
} satisfies ScorePlugin<Wanted>;

/** 1 minus the standard deviation of the two fractions, which is half their distance. */
function balanceOf(cpu: number, cpuOf: number, memory: number, memoryOf: number): number {
  if (cpuOf === 0 || memoryOf === 0) return SCORE_MAX;
  const distance = Math.abs(Math.min(1, cpu / cpuOf) - Math.min(1, memory / memoryOf));
  return Math.floor((1 - distance / 2) * SCORE_MAX);
}
