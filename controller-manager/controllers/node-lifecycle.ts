// Node life cycle: a node whose kubelet has fallen silent is marked Unknown, tainted, and its pods
// are no longer counted as ready.
//
//   Node, Lease change ─► the node's name (the first or last one to be well: all nodes)
//   reconcile            heard of it? → conditions, taints (pure plans) → write → look again in time
//
// Silence is measured by our own clock, from when we last saw a heartbeat change: clocks of nodes
// may be wrong, and a controller that was away must not blame the nodes for it.

import type { Change, Informer } from '../../client/lister.ts';
import { type Clock, timestampOf } from '../../machinery/clock.ts';
import type { Log } from '../../machinery/log.ts';
import { keyFor } from '../../machinery/object.ts';
import type { Transport } from '../../machinery/transport.ts';
import type { Lease } from '../../proto/generated/coordination.v1.ts';
import type { Node, Pod } from '../../proto/generated/core.v1.ts';
import { NODES, PODS } from '../../proto/generated/resources.ts';
import { type Controller, changeSource, source } from '../controller.ts';
import type { RecordEvent } from '../events.ts';
import { isReady } from '../pods.ts';
import { isNodeReady, planSilence, planTaints, readyOf } from './node-lifecycle-plan.ts';

const WORKERS = 8;
const LEASE_NAMESPACE = 'kube-node-lease';

/** Index of pods by the node they are bound to. */
export const BY_NODE = 'node';
export const nodeIndex = ({ spec }: Pod): readonly string[] =>
  spec.nodeName ? [spec.nodeName] : [];

export interface NodeLifecycleDependencies {
  readonly nodes: Informer<Node>;
  readonly leases: Informer<Lease>;
  /** Indexed by node (`BY_NODE`). */
  readonly pods: Informer<Pod>;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly record: RecordEvent;
  readonly log: Log;
  /** Silence that is forgiven, once a node has reported. */
  readonly graceMs: number;
  /** The same for a node that has never reported. */
  readonly startupGraceMs: number;
}

interface Heartbeat {
  readonly mark: string;
  readonly seenMs: number;
}

export function nodeLifecycleController(deps: NodeLifecycleDependencies): Controller {
  const { nodes, leases, pods, clock } = deps;
  const heartbeats = new Map<string, Heartbeat>();
  return {
    name: 'node-lifecycle',
    workers: WORKERS,
    sources: [
      changeSource(nodes, (change) =>
        (tipsTheBalance(change, nodes) ? nodes.list() : [change.object]).map(
          ({ metadata }) => metadata.name,
        ),
      ),
      source(leases, ({ metadata }) =>
        metadata.namespace === LEASE_NAMESPACE ? [metadata.name] : [],
      ),
    ],
    reads: [pods],

    async reconcile(name) {
      const node = nodes.get(name);
      if (node === undefined) {
        heartbeats.delete(name);
        return undefined;
      }
      const nowMs = clock.now();
      const lease = leases.get(keyFor(LEASE_NAMESPACE, name));
      const heartbeat = heard(heartbeats.get(name), markOf(node, lease), nowMs);
      heartbeats.set(name, heartbeat);
      const graceMs = readyOf(node) === undefined ? deps.startupGraceMs : deps.graceMs;
      const leftMs = heartbeat.seenMs + graceMs - nowMs;
      const latest = leftMs > 0 ? node : await markSilent(deps, node, nowMs);
      await taint(deps, latest, nowMs);
      if (readyOf(latest)?.status === 'Unknown') await markPodsNotReady(deps, name);
      return leftMs > 0 ? { requeueAfterMs: leftMs } : undefined;
    },
  };
}

/** The first node to be well, or the last: what may be done to all others depends on it. */
function tipsTheBalance(change: Change<Node>, nodes: Informer<Node>): boolean {
  const isFlip =
    change.type !== 'updated' || isNodeReady(change.object) !== isNodeReady(change.previous);
  if (!isFlip) return false;
  let well = 0;
  return !nodes.list().some((node) => isNodeReady(node) && ++well > 1);
}

/** Changes with every sign of life. */
const markOf = (node: Node, lease: Lease | undefined): string => {
  const beats = (node.status?.conditions ?? []).map(({ lastHeartbeatTime }) => lastHeartbeatTime);
  return [lease?.spec.renewTime, ...beats].join();
};

const heard = (last: Heartbeat | undefined, mark: string, nowMs: number): Heartbeat =>
  last?.mark === mark ? last : { mark, seenMs: nowMs };

async function markSilent(
  { transport, record, log }: NodeLifecycleDependencies,
  node: Node,
  nowMs: number,
): Promise<Node> {
  const conditions = planSilence(node, nowMs);
  if (conditions === undefined) return node;
  const { name, resourceVersion } = node.metadata;
  // At the revision we judged: a kubelet that comes back this moment must not be overruled.
  const body = { metadata: { resourceVersion }, status: { conditions } };
  const patch = { type: 'strategic', body } as const;
  const latest = await transport.patch(NODES, { name }, patch, { subresource: 'status' });
  log.info('node has fallen silent', { node: name });
  record(latest, 'Normal', 'NodeNotReady', `Node ${name} status is now: NodeNotReady`);
  return latest;
}

async function taint(
  { transport, nodes }: NodeLifecycleDependencies,
  node: Node,
  nowMs: number,
): Promise<void> {
  // When no node is well it is more likely that we are cut off than that all have died.
  const others = nodes.list().filter(({ metadata }) => metadata.name !== node.metadata.name);
  const mayEvict = [node, ...others].some(isNodeReady);
  const taints = planTaints(node, { mayEvict, nowMs });
  if (taints === undefined) return;
  const { name, resourceVersion } = node.metadata;
  const body = {
    metadata: { resourceVersion },
    spec: { taints: taints.length > 0 ? taints : null },
  };
  await transport.patch(NODES, { name }, { type: 'merge', body });
}

async function markPodsNotReady(
  { transport, pods, clock, record }: NodeLifecycleDependencies,
  nodeName: string,
): Promise<void> {
  const lastTransitionTime = timestampOf(clock.now());
  for (const pod of pods.byIndex(BY_NODE, nodeName).filter(isReady)) {
    const conditions = [{ type: 'Ready', status: 'False', lastTransitionTime }];
    const body = { metadata: { uid: pod.metadata.uid }, status: { conditions } };
    const patch = { type: 'strategic', body } as const;
    await transport.patch(PODS, pod.metadata, patch, { subresource: 'status' });
    record(pod, 'Warning', 'NodeNotReady', 'Node is not ready');
  }
}
