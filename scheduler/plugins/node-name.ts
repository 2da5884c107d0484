// A pod may name its node itself. (Such a pod is placed already and does not come by the queue;
// the filter is for whoever asks where a pod could go.)

import { check, type FilterPlugin, refuse, SKIP } from '../framework.ts';

const OTHER_NODE = refuse("node(s) didn't match the requested node name", { resolvable: false });

export const nodeName = {
  name: 'NodeName',

  sign: ({ pod: { spec } }) => spec.nodeName ?? '',

  preFilter: ({ pod: { spec } }) => (spec.nodeName ? check(spec.nodeName) : SKIP),

  filter: (wanted, nodes, row) => (nodes.nameOf(row) === wanted ? undefined : OTHER_NODE),

  queueingHint: (_pod, event) => event.kind === 'node-added',
} satisfies FilterPlugin<string>;
