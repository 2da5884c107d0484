// Taints push pods away from a node; tolerations let them stay. Nodes share few distinct lists of
// taints, so each list is judged once a pod.
//
//   filter  NoSchedule, NoExecute   one untolerated taint and the node is out
//   score   PreferNoSchedule        the fewer untolerated, the better

import type { Taint } from '../../proto/generated/core.v1.ts';
import { check, type FilterPlugin, refuse, type ScorePlugin, SKIP } from '../framework.ts';
import { reversed } from '../normalize.ts';
import type { PodInfo } from '../pod-info.ts';
import { isTolerated } from '../toleration.ts';

/** By taint set of the snapshot: how many of its taints count against this pod. */
type Untolerated = Int32Array;

const TAINTED = refuse('node(s) had untolerated taint(s)', { resolvable: false });

export const taintToleration = {
  name: 'TaintToleration',

  sign: ({ pod: { spec } }) => JSON.stringify(spec.tolerations ?? []),

  preFilter: (pod, nodes) =>
    nodes.taintedCount === 0 ? SKIP : check(untolerated(pod, nodes.taintSets, isHard)),

  filter: (state, nodes, row) => (state[nodes.taintSet[row]!]! > 0 ? TAINTED : undefined),

  filterAll(state, { taintSet, count }, fits) {
    for (let row = 0; row < count; row++) if (state[taintSet[row]!]! > 0) fits[row] = 0;
  },

  preScore(pod, nodes) {
    if (nodes.taintedCount === 0) return SKIP;
    const state = untolerated(pod, nodes.taintSets, (taint) => !isHard(taint));
    return state.some((taints) => taints > 0) ? check(state) : SKIP;
  },

  score: (state, nodes, row) => state[nodes.taintSet[row]!]!,

  normalizeScore: reversed,

  queueingHint: (pod, event) =>
    event.kind === 'node-added' || event.kind === 'node-updated'
      ? (event.node.spec.taints ?? []).every(
          (taint) => !isHard(taint) || isTolerated(pod.pod.spec.tolerations, taint),
        )
      : false,
} satisfies FilterPlugin<Untolerated> & ScorePlugin<Untolerated>;

const isHard = ({ effect }: Taint): boolean => effect !== 'PreferNoSchedule';

function untolerated(
  { pod }: PodInfo,
  taintSets: readonly (readonly Taint[])[],
  counts: (taint: Taint) => boolean,
): Untolerated {
  const { tolerations } = pod.spec;
  return Int32Array.from(
    taintSets,
    (taints) => taints.filter((it) => counts(it) && !isTolerated(tolerations, it)).length,
  );
}
