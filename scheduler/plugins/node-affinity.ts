// A pod says which nodes it wants by their labels.
//
//   filter  nodeSelector and the required terms
//   score   the preferred terms: the sum of the weights of those that match

import type {
  Node,
  NodeSelectorTerm,
  PreferredSchedulingTerm,
} from '../../proto/generated/core.v1.ts';
import { check, type FilterPlugin, refuse, type ScorePlugin, SKIP } from '../framework.ts';
import { type LabelPairs, matchesAnyTerm, matchesLabels, matchesTerm } from '../node-selector.ts';
import { proportional } from '../normalize.ts';
import type { PodInfo } from '../pod-info.ts';

interface Wanted {
  readonly labels: LabelPairs;
  readonly terms: readonly NodeSelectorTerm[] | undefined;
}

const MISMATCH = refuse("node(s) didn't match Pod's node affinity/selector", {
  resolvable: false,
});

export const nodeAffinity = {
  name: 'NodeAffinity',

  sign: ({ pod: { spec } }) => JSON.stringify([spec.nodeSelector, spec.affinity?.nodeAffinity]),

  preFilter(pod) {
    const wanted = wantedBy(pod);
    return wanted.labels.length > 0 || wanted.terms ? check(wanted) : SKIP;
  },

  filter: (wanted, nodes, row) => (isWanted(wanted, nodes.nodes[row]!) ? undefined : MISMATCH),

  preScore({ pod }) {
    const preferred =
      pod.spec.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
    return preferred.length > 0 ? check(preferred) : SKIP;
  },

  score(preferred, nodes, row) {
    let sum = 0;
    for (const { weight, preference } of preferred) {
      if (weight !== 0 && matchesTerm(preference, nodes.nodes[row]!)) sum += weight;
    }
    return sum;
  },

  normalizeScore: proportional,

  queueingHint: (pod, event) =>
    event.kind === 'node-added' || event.kind === 'node-updated'
      ? isWanted(wantedBy(pod), event.node)
      : false,
} satisfies FilterPlugin<Wanted> & ScorePlugin<readonly PreferredSchedulingTerm[]>;

const wantedBy = ({ pod: { spec } }: PodInfo): Wanted => ({
  labels: Object.entries(spec.nodeSelector ?? {}),
  terms:
    spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms,
});

const isWanted = ({ labels, terms }: Wanted, node: Node): boolean =>
  matchesLabels(labels, node) && (terms === undefined || matchesAnyTerm(terms, node));
