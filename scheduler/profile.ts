// A profile: which plugins take part in placing a pod, in which order, and what their scores weigh.

import type { Transport } from '../machinery/transport.ts';
import type { Plugin } from './framework.ts';
import { defaultBinder } from './plugins/default-binder.ts';
import { nodeAffinity } from './plugins/node-affinity.ts';
import { nodeName } from './plugins/node-name.ts';
import { nodePorts } from './plugins/node-ports.ts';
import { nodeResourcesBalancedAllocation } from './plugins/node-resources-balanced-allocation.ts';
import { nodeResourcesFit, type ScoringStrategy } from './plugins/node-resources-fit.ts';
import { nodeUnschedulable } from './plugins/node-unschedulable.ts';
import { prioritySort } from './plugins/priority-sort.ts';
import { schedulingGates } from './plugins/scheduling-gates.ts';
import { taintToleration } from './plugins/taint-toleration.ts';

export interface Enabled {
  readonly plugin: Plugin;
  /** Of its score; 1 unless said otherwise. */
  readonly weight?: number;
}

export interface Profile {
  /** Pods choose it by `spec.schedulerName`. */
  readonly schedulerName: string;
  /**
   * Among nodes of the same score: a random one, so that none is favoured by its place, or the
   * first. Scores are whole numbers, so to a packing profile small pods leave many nodes equal:
   * chance would spread them.
   */
  readonly tieBreak: 'chance' | 'first';
  /** In the order in which they filter. */
  readonly plugins: readonly Enabled[];
}

export interface DefaultProfileOptions {
  readonly transport: Pick<Transport, 'bind'>;
  readonly schedulerName?: string;
  /** Upstream's default is LeastAllocated; ours packs. */
  readonly strategy?: ScoringStrategy;
}

export const defaultProfile = ({
  transport,
  schedulerName = 'default-scheduler',
  strategy = 'MostAllocated',
}: DefaultProfileOptions): Profile => ({
  schedulerName,
  tieBreak: strategy === 'MostAllocated' ? 'first' : 'chance',
  plugins: [
    { plugin: schedulingGates },
    { plugin: prioritySort },
    { plugin: nodeUnschedulable },
    { plugin: nodeName },
    { plugin: taintToleration, weight: 3 },
    { plugin: nodeAffinity, weight: 2 },
    { plugin: nodePorts },
    { plugin: nodeResourcesFit({ strategy, weights: { cpu: 1, memory: 1 } }), weight: 1 },
    { plugin: nodeResourcesBalancedAllocation, weight: 1 },
    { plugin: defaultBinder(transport) },
  ],
});
