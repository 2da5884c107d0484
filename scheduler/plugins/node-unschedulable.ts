// A cordoned node takes no new pods, except those that tolerate its being so.

import { check, type FilterPlugin, refuse, SKIP } from '../framework.ts';
import { isTolerated } from '../toleration.ts';

const CORDONED = refuse('node(s) were unschedulable', { resolvable: false });
const CORDON = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' } as const;

export const nodeUnschedulable = {
  name: 'NodeUnschedulable',

  /** Whoever tolerates it has skipped the nodes already. */
  sign: () => '',

  preFilter: ({ pod }, nodes) =>
    nodes.unschedulableCount === 0 || isTolerated(pod.spec.tolerations, CORDON)
      ? SKIP
      : check(undefined),

  filter: (_state, nodes, row) => (nodes.unschedulable[row] === 1 ? CORDONED : undefined),

  filterAll(_state, { unschedulable, count }, fits) {
    for (let row = 0; row < count; row++) if (unschedulable[row] === 1) fits[row] = 0;
  },

  queueingHint: (_pod, event) =>
    event.kind === 'node-added' ||
    (event.kind === 'node-updated' &&
      event.previous.spec.unschedulable === true &&
      event.node.spec.unschedulable !== true),
} satisfies FilterPlugin<undefined>;
