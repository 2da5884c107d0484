// Pod garbage: pods that no kubelet will ever finish, and finished pods that nobody collected.
//
//   Node gone, a minute's clock ─► one key for everything
//   reconcile                      plan (pure) → ask the API about missing nodes → delete

import type { Informer } from '../../client/lister.ts';
import { hasReason } from '../../machinery/errors.ts';
import type { Log } from '../../machinery/log.ts';
import { isDeleting, keyOf } from '../../machinery/object.ts';
import type { Transport } from '../../machinery/transport.ts';
import type { Node, Pod } from '../../proto/generated/core.v1.ts';
import { NODES, PODS } from '../../proto/generated/resources.ts';
import { type Controller, changeSource } from '../controller.ts';
import { isFinished } from '../pods.ts';

const SWEEP = 'sweep';
const SWEEP_INTERVAL_MS = 20_000;
/** Deleted in one sweep: the next one takes the rest. */
const DELETES_MAX = 500;

export interface PodGarbageDependencies {
  readonly pods: Informer<Pod>;
  readonly nodes: Informer<Node>;
  readonly transport: Transport;
  readonly log: Log;
  /** So many finished pods are kept for people to look at. */
  readonly finishedPodsMax: number;
}

export interface PodGarbage {
  /** Bound to a node that the cache does not know: ask before deleting. */
  readonly orphaned: readonly Pod[];
  /** Deleted before they were bound to a node: nobody else ends them. */
  readonly unbound: readonly Pod[];
  /** Finished, and beyond what is kept: the oldest. */
  readonly surplus: readonly Pod[];
}

export function podGarbageController(deps: PodGarbageDependencies): Controller {
  const { pods, nodes, transport, log } = deps;
  return {
    name: 'pod-gc',
    workers: 1,
    initialKeys: [SWEEP],
    sources: [changeSource(nodes, ({ type }) => (type === 'deleted' ? [SWEEP] : []))],
    reads: [pods],

    async reconcile() {
      const known = new Set(nodes.list().map(({ metadata }) => metadata.name));
      const plan = planPodGarbage(pods.list(), known, deps.finishedPodsMax);
      const gone = await goneNodes(transport, plan.orphaned);
      const orphaned = plan.orphaned.filter(({ spec }) => gone.has(spec.nodeName ?? ''));
      for (const pod of [...orphaned, ...plan.unbound, ...plan.surplus].slice(0, DELETES_MAX)) {
        log.info('deleting a pod that nobody will end', { pod: keyOf(pod) });
        await deleteNow(transport, pod);
      }
      return { requeueAfterMs: SWEEP_INTERVAL_MS };
    },
  };
}

export function planPodGarbage(
  pods: readonly Pod[],
  nodeNames: ReadonlySet<string>,
  finishedPodsMax: number,
): PodGarbage {
  const finished = pods.filter((pod) => isFinished(pod) && !isDeleting(pod));
  const surplus = Math.max(0, finished.length - finishedPodsMax);
  return {
    orphaned: pods.filter(({ spec }) => spec.nodeName && !nodeNames.has(spec.nodeName)),
    unbound: pods.filter((pod) => !pod.spec.nodeName && isDeleting(pod)),
    surplus: surplus === 0 ? [] : finished.toSorted(oldestFirst).slice(0, surplus),
  };
}

/** The cache may lag behind a node that has just registered. */
async function goneNodes(
  transport: Transport,
  orphaned: readonly Pod[],
): Promise<ReadonlySet<string>> {
  const gone = new Set<string>();
  for (const name of new Set(orphaned.map(({ spec }) => spec.nodeName ?? ''))) {
    try {
      await transport.get(NODES, { name });
    } catch (error) {
      if (!hasReason(error, 'NotFound')) throw error;
      gone.add(name);
    }
  }
  return gone;
}

async function deleteNow(transport: Transport, { metadata }: Pod): Promise<void> {
  try {
    const preconditions = { uid: metadata.uid };
    await transport.delete(PODS, metadata, { gracePeriodSeconds: 0, preconditions });
  } catch (error) {
    if (!hasReason(error, 'NotFound', 'Conflict')) throw error;
  }
}

const oldestFirst = (a: Pod, b: Pod): number =>
  (a.metadata.creationTimestamp ?? '') < (b.metadata.creationTimestamp ?? '') ? -1 : 1;
