// A node must have room for what the pod requests.
//
//   filter  free >= requested, for each resource (and one more pod)
//   score   how full the node would be: MostAllocated packs pods onto few nodes,
//           LeastAllocated spreads them

import {
  check,
  type FilterPlugin,
  type Refusal,
  SCORE_MAX,
  type ScorePlugin,
} from '../framework.ts';
import type { PodInfo } from '../pod-info.ts';
import { amountOf, CPU, MEMORY, PODS, type Requests } from '../resources.ts';
import type { Snapshot } from '../snapshot.ts';

export type ScoringStrategy = 'MostAllocated' | 'LeastAllocated';

export interface NodeResourcesFitArgs {
  readonly strategy: ScoringStrategy;
  /** cpu and memory only, for now. */
  readonly weights: { readonly cpu: number; readonly memory: number };
}

/** Kept, so that nodes refused for the same reasons share one value to count by. */
const REFUSALS_MAX = 1024;
/** Stands for a column that no node has. */
const NOTHING = new Float64Array(0);
const refusals = new Map<string, Refusal>();

export const nodeResourcesFit = ({ strategy, weights }: NodeResourcesFitArgs) => {
  const shareOf = strategy === 'MostAllocated' ? usedShareOf : freeShareOf;
  const weighted = weightedBy(weights);

  return {
    name: 'NodeResourcesFit',

    sign: ({ requests }) => requests.sign,

    preFilter: (pod) => check(pod.requests),

    filter(requests, nodes, row) {
      const short: string[] = [];
      let isResolvable = true;
      for (const [i, column] of requests.columns.entries()) {
        const amount = requests.amounts[i]!;
        const allocatable = nodes.allocatable[column]?.[row] ?? 0;
        if (amount <= allocatable - (nodes.requested[column]?.[row] ?? 0)) continue;
        short.push(shortageOf(nodes, column));
        if (amount > allocatable) isResolvable = false;
      }
      return short.length === 0 ? undefined : refusalOf(short, isResolvable);
    },

    filterAll({ columns, amounts }, nodes, fits) {
      for (let i = 0; i < columns.length; i++) {
        const allocatable = nodes.allocatable[columns[i]!];
        const requested = nodes.requested[columns[i]!];
        if (allocatable === undefined || requested === undefined) fits.fill(0);
        else clearShort(fits, amounts[i]!, { allocatable, requested, count: nodes.count });
      }
    },

    preScore: (pod) => check(pod.requests),

    score({ scoredCpu, scoredMemory }, nodes, row) {
      const cpu = shareOf(nodes.scoredCpu[row]! + scoredCpu, nodes.allocatable[CPU]?.[row] ?? 0);
      const memory = shareOf(
        nodes.scoredMemory[row]! + scoredMemory,
        nodes.allocatable[MEMORY]?.[row] ?? 0,
      );
      return weighted(cpu, memory);
    },

    scoreAll({ scoredCpu, scoredMemory }, nodes, { rows, count }, scores) {
      const [cpu = NOTHING, memory = NOTHING] = [nodes.allocatable[CPU], nodes.allocatable[MEMORY]];
      const { scoredCpu: cpuUsed, scoredMemory: memoryUsed } = nodes;
      for (let i = 0; i < count; i++) {
        const row = rows[i]!;
        scores[i] = weighted(
          shareOf(cpuUsed[row]! + scoredCpu, cpu[row] ?? 0),
          shareOf(memoryUsed[row]! + scoredMemory, memory[row] ?? 0),
        );
      }
    },

    queueingHint(pod, event) {
      if (event.kind === 'pod-removed') return true;
      if (event.kind === 'pod-placed') return false;
      return wouldFitEmpty(pod, event.node.status?.allocatable ?? {});
    },
  } satisfies FilterPlugin<Requests> & ScorePlugin<Requests>;
};

interface Column {
  readonly allocatable: Float64Array;
  readonly requested: Float64Array;
  readonly count: number;
}

function clearShort(fits: Uint8Array, amount: number, column: Column): void {
  const { allocatable, requested, count } = column;
  for (let row = 0; row < count; row++) {
    if (amount > allocatable[row]! - requested[row]!) fits[row] = 0;
  }
}

/** Scores of one resource in whole numbers; -1 where the node has none of it. */
const usedShareOf = (used: number, of: number): number => {
  if (of === 0) return -1;
  return used >= of ? SCORE_MAX : Math.floor((used * SCORE_MAX) / of);
};

const freeShareOf = (used: number, of: number): number => {
  if (of === 0) return -1;
  return used >= of ? 0 : Math.floor(((of - used) * SCORE_MAX) / of);
};

/** A resource that the node has none of does not count. */
function weightedBy({ cpu: cpuWeight, memory: memoryWeight }: NodeResourcesFitArgs['weights']) {
  const sum = cpuWeight + memoryWeight;
  return (cpu: number, memory: number): number => {
    if (cpu < 0) return Math.max(memory, 0);
    if (memory < 0) return cpu;
    return sum === 0 ? 0 : Math.floor((cpu * cpuWeight + memory * memoryWeight) / sum);
  };
}

const shortageOf = ({ columns }: Snapshot, column: number): string =>
  column === PODS ? 'Too many pods' : `Insufficient ${columns.names[column] ?? 'resources'}`;

function refusalOf(reasons: readonly string[], resolvable: boolean): Refusal {
  const key = `${resolvable}${reasons.join()}`;
  const known = refusals.get(key);
  if (known !== undefined) return known;
  if (refusals.size >= REFUSALS_MAX) refusals.clear();
  const refusal: Refusal = Object.freeze({ reasons: [...reasons], resolvable });
  refusals.set(key, refusal);
  return refusal;
}

function wouldFitEmpty({ pod }: PodInfo, allocatable: Readonly<Record<string, string>>): boolean {
  return pod.spec.containers.every(({ resources }) =>
    Object.entries(resources?.requests ?? {}).every(
      ([name, quantity]) =>
        amountOf(name, quantity) === 0 ||
        amountOf(name, quantity) <= amountOf(name, allocatable[name] ?? '0'),
    ),
  );
}
