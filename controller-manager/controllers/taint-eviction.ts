// Taint eviction: a pod leaves a node that has a NoExecute taint which the pod does not tolerate,
// or no longer tolerates.
//
//   Pod bound, tolerations changed ─► its own key
//   Node taints changed ────────────► all pods on the node
//   reconcile                         plan (pure) → delete now, or look again when it is time

import type { Informer } from '../../client/lister.ts';
import type { Clock } from '../../machinery/clock.ts';
import { deepEqual } from '../../machinery/equality.ts';
import { hasReason } from '../../machinery/errors.ts';
import type { Log } from '../../machinery/log.ts';
import { isDeleting, keyOf } from '../../machinery/object.ts';
import type { Transport } from '../../machinery/transport.ts';
import type { Node, Pod, Taint, Toleration } from '../../proto/generated/core.v1.ts';
import { PODS } from '../../proto/generated/resources.ts';
import { type Controller, source } from '../controller.ts';
import type { RecordEvent } from '../events.ts';
import { BY_NODE } from './node-lifecycle.ts';

const WORKERS = 8;

export interface TaintEvictionDependencies {
  readonly nodes: Informer<Node>;
  /** Indexed by node (`BY_NODE`). */
  readonly pods: Informer<Pod>;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly record: RecordEvent;
  readonly log: Log;
}

export function taintEvictionController(deps: TaintEvictionDependencies): Controller {
  const { nodes, pods, transport, clock, record, log } = deps;
  return {
    name: 'taint-eviction',
    workers: WORKERS,
    sources: [
      source(
        pods,
        (pod) => (pod.spec.nodeName ? [keyOf(pod)] : []),
        (pod, previous) =>
          pod.spec.nodeName !== previous.spec.nodeName ||
          !deepEqual(pod.spec.tolerations, previous.spec.tolerations),
      ),
      source(
        nodes,
        ({ metadata }) => pods.byIndex(BY_NODE, metadata.name).map(keyOf),
        (node, previous) => !deepEqual(node.spec.taints, previous.spec.taints),
      ),
    ],

    async reconcile(key) {
      const pod = pods.get(key);
      const node = nodes.get(pod?.spec.nodeName ?? '');
      if (pod === undefined || node === undefined || isDeleting(pod)) return undefined;
      const atMs = planEviction(pod.spec.tolerations ?? [], node.spec.taints ?? []);
      if (atMs === undefined) return undefined;
      const leftMs = atMs - clock.now();
      if (leftMs > 0) return { requeueAfterMs: leftMs };
      log.info('evicting a pod from a tainted node', { pod: key, node: node.metadata.name });
      record(pod, 'Normal', 'TaintManagerEviction', `Marking for deletion Pod ${key}`);
      try {
        await transport.delete(PODS, pod.metadata, { preconditions: { uid: pod.metadata.uid } });
      } catch (error) {
        if (!hasReason(error, 'NotFound', 'Conflict')) throw error;
      }
      return undefined;
    },
  };
}

/** When the pod has to go, in ms since the epoch; undefined: it may stay for good. */
export function planEviction(
  tolerations: readonly Toleration[],
  taints: readonly Taint[],
): number | undefined {
  const ends = taints
    .filter(({ effect }) => effect === 'NoExecute')
    .map((taint) => endOfToleration(tolerations, taint))
    .filter((end) => end !== undefined);
  return ends.length === 0 ? undefined : Math.min(...ends);
}

/** Counted from when the taint was added, so that a restart of ours prolongs nothing. */
function endOfToleration(tolerations: readonly Toleration[], taint: Taint): number | undefined {
  const matching = tolerations.find((toleration) => tolerates(toleration, taint));
  if (matching === undefined) return 0;
  if (matching.tolerationSeconds === undefined) return undefined;
  const addedMs = taint.timeAdded === undefined ? 0 : Date.parse(taint.timeAdded);
  return addedMs + Math.max(0, matching.tolerationSeconds) * 1000;
}

export const tolerates = (
  { key = '', operator = 'Equal', value = '', effect }: Toleration,
  taint: Taint,
): boolean =>
  (effect === undefined || effect === taint.effect) &&
  (key === '' ? operator === 'Exists' : key === taint.key) &&
  (operator === 'Exists' || (operator === 'Equal' && value === (taint.value ?? '')));
