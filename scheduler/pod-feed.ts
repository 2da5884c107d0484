// What the API shows, told to cache and queue. Level-triggered: each state of a pod or node is
// right by itself, whatever came before.
//
//   pod with a node      → cache.put, out of the queue
//   pod without          → queue (unless it is being deleted, or assumed somewhere)
//   ended, deleted       → its place is free, wake who waits
//   node                 → snapshot row, wake who waits if it changed in what filters look at

import type { Change, Informer } from '../client/lister.ts';
import { deepEqual } from '../machinery/equality.ts';
import { isDeleting } from '../machinery/object.ts';
import type { Node, Pod } from '../proto/generated/core.v1.ts';
import type { Cache } from './cache.ts';
import { hasEnded, podInfoOf, uidOf } from './pod-info.ts';
import type { SchedulingQueue } from './queue.ts';

export interface FeedParts {
  readonly pods: Informer<Pod>;
  readonly nodes: Informer<Node>;
  readonly cache: Cache;
  readonly queue: SchedulingQueue;
  isOurs(pod: Pod): boolean;
  /** The pod needs no place from us (any more). */
  onSettled(uid: string): void;
}

/** Starts with what the informers hold (they tell a new handler); answers how to stop. */
export function feed(parts: FeedParts): () => void {
  const stops = [
    parts.nodes.onChange((change) => onNode(parts, change)),
    parts.pods.onChange((change) => onPod(parts, change)),
  ];
  return () => {
    for (const stop of stops) stop();
  };
}

function onNode({ cache, queue }: FeedParts, change: Change<Node>): void {
  const node = change.object;
  if (change.type === 'deleted') {
    cache.removeNode(node.metadata.name);
    return;
  }
  const isNew = cache.snapshot.rowOf(node.metadata.name) < 0;
  cache.putNode(node);
  if (isNew) queue.wake({ kind: 'node-added', node });
  else if (change.type === 'updated' && matters(node, change.previous)) {
    queue.wake({ kind: 'node-updated', node, previous: change.previous });
  }
}

/** Heartbeats and conditions change nothing for a filter (trouble shows as taints). */
const matters = (node: Node, previous: Node): boolean =>
  !deepEqual(node.spec, previous.spec) ||
  !deepEqual(node.metadata.labels, previous.metadata.labels) ||
  !deepEqual(node.status?.allocatable, previous.status?.allocatable);

function onPod(parts: FeedParts, change: Change<Pod>): void {
  const pod = change.object;
  if (change.type === 'updated' && uidOf(change.previous) !== uidOf(pod)) {
    release(parts, change.previous);
  }
  if (change.type === 'deleted' || hasEnded(pod)) release(parts, pod);
  else if (pod.spec.nodeName) placed(parts, pod, pod.spec.nodeName);
  else pending(parts, change);
}

function placed({ cache, queue, onSettled }: FeedParts, pod: Pod, nodeName: string): void {
  const uid = uidOf(pod);
  const before = cache.nodeOf(uid);
  cache.put(podInfoOf(pod, cache.snapshot.columns), nodeName);
  queue.remove(uid);
  onSettled(uid);
  if (before === nodeName) return;
  queue.wake({ kind: 'pod-placed', pod, nodeName });
  // Somebody else decided otherwise: the place that we held for it is free.
  if (before !== undefined) queue.wake({ kind: 'pod-removed', pod, nodeName: before });
}

function pending({ cache, queue, isOurs, onSettled }: FeedParts, change: Change<Pod>): void {
  const pod = change.object;
  const uid = uidOf(pod);
  if (!isOurs(pod) || isDeleting(pod)) {
    queue.remove(uid);
    onSettled(uid);
    return;
  }
  const info = podInfoOf(pod, cache.snapshot.columns);
  // Being bound right now: this news is older than our decision.
  const isLate = cache.isAssumed(uid);
  const isStatusOnly =
    change.type === 'updated' && queue.has(uid) && sameChances(pod, change.previous);
  if (isLate || isStatusOnly) queue.refresh(info);
  else queue.put(info);
}

const sameChances = (pod: Pod, previous: Pod): boolean =>
  deepEqual(pod.spec, previous.spec) && deepEqual(pod.metadata.labels, previous.metadata.labels);

function release({ cache, queue, onSettled }: FeedParts, pod: Pod): void {
  const uid = uidOf(pod);
  const nodeName = cache.remove(uid);
  queue.remove(uid);
  onSettled(uid);
  if (nodeName !== undefined) queue.wake({ kind: 'pod-removed', pod, nodeName });
}
