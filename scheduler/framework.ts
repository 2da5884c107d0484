// What a plugin may be: a value that `satisfies` the extension points it implements, named as
// upstream names them. It holds no state between cycles; what it works out once a pod is its own
// typed state S, handed back to it for every node. Not fitting is an answer, never an error.
//
//   preEnqueue → queue(less) → preFilter → filter → postFilter | preScore → score → normalizeScore
//              → reserve → permit → preBind → bind → postBind

import type { Node, Pod } from '../proto/generated/core.v1.ts';
import type { PodInfo } from './pod-info.ts';
import type { QueuedPod } from './queue.ts';
import type { Snapshot } from './snapshot.ts';

/** Scores after normalizing lie in 0..SCORE_MAX. */
export const SCORE_MAX = 100;

/** Why a node, or the whole cluster, will not do. Keep them constant: they are counted by identity. */
export interface Refusal {
  /** As users read them in events: `Insufficient cpu`. */
  readonly reasons: readonly string[];
  /** False when evicting other pods could not help either. */
  readonly resolvable: boolean;
}

/** What a plugin found out before it sees the nodes one by one. */
export type Prepared<S> =
  | { readonly kind: 'check'; readonly state: S }
  /** This pod asks for nothing that the plugin looks at: spare it the nodes. */
  | { readonly kind: 'skip' }
  /** No node can do. */
  | { readonly kind: 'refuse'; readonly refusal: Refusal };

export const SKIP = { kind: 'skip' } as const;
export const check = <S>(state: S): Prepared<S> => ({ kind: 'check', state });
export const refuse = (reason: string, { resolvable = true } = {}): Refusal =>
  Object.freeze({ reasons: Object.freeze([reason]), resolvable });

export interface PreEnqueuePlugin {
  readonly name: string;
  /** A refused pod stays out of the queue until it changes. */
  preEnqueue(pod: PodInfo): Refusal | undefined;
}

export interface QueueSortPlugin {
  readonly name: string;
  less(a: QueuedPod, b: QueuedPod): boolean;
}

export interface SignPlugin {
  /**
   * A promise: pods with equal signs get equal answers (filter, and raw score) on a node that has
   * not changed meanwhile, whatever happens elsewhere. Then only changed nodes are asked again.
   * undefined, or no such method: no promise for this pod.
   */
  sign(pod: PodInfo): string | undefined;
}

export interface FilterPlugin<S = PodInfo> extends Partial<SignPlugin> {
  readonly name: string;
  /** Absent: the state is the pod itself. */
  preFilter?(pod: PodInfo, nodes: Snapshot): Prepared<S>;
  /** undefined: the node of this row will do. */
  filter(state: S, nodes: Snapshot, row: number): Refusal | undefined;
  /**
   * The same answer for all rows at once, for speed: clears `fits[row]` of those that `filter`
   * would refuse, and touches nothing else.
   */
  filterAll?(state: S, nodes: Snapshot, fits: Uint8Array): void;
  /** Could this event let the pod fit, which this plugin refused? Absent: always. */
  queueingHint?(pod: PodInfo, event: ClusterEvent): boolean;
}

export interface PostFilterPlugin {
  readonly name: string;
  /** Called when no node fits: may make room, and answers a note for the event, or nothing. */
  postFilter(pod: PodInfo, nodes: Snapshot): string | undefined;
}

export interface ScorePlugin<S = PodInfo> extends Partial<SignPlugin> {
  readonly name: string;
  /** Absent: the state is the pod itself. `refuse` is not an answer here. */
  preScore?(pod: PodInfo, nodes: Snapshot): Prepared<S>;
  /** 0..SCORE_MAX, or any number that `normalizeScore` brings there; higher is better. */
  score(state: S, nodes: Snapshot, row: number): number;
  /** The same for the `count` first of `rows` at once, for speed. */
  scoreAll?(state: S, nodes: Snapshot, run: Candidates, scores: Float64Array): void;
  normalizeScore?(scores: Float64Array, count: number): void;
}

export interface ReservePlugin {
  readonly name: string;
  reserve(pod: PodInfo, nodeName: string): Refusal | undefined;
  /** Also called when `reserve` never was: must be idempotent. */
  unreserve(pod: PodInfo, nodeName: string): void;
}

export interface PermitPlugin {
  readonly name: string;
  permit(pod: PodInfo, nodeName: string, signal: AbortSignal): Promise<Refusal | undefined>;
}

export interface PreBindPlugin {
  readonly name: string;
  preBind(pod: PodInfo, nodeName: string, signal: AbortSignal): Promise<void>;
}

export interface BindPlugin {
  readonly name: string;
  /** `skip` leaves it to the next one. Rejects when the API says no. */
  bind(pod: PodInfo, nodeName: string): Promise<'bound' | 'skip'>;
}

export interface PostBindPlugin {
  readonly name: string;
  postBind(pod: PodInfo, nodeName: string): void;
}

/** Anything a profile can list. Each plugin's S is known to itself alone. */
export type Plugin = { readonly name: string } & Partial<
  PreEnqueuePlugin &
    QueueSortPlugin &
    FilterPlugin<unknown> &
    PostFilterPlugin &
    ScorePlugin<unknown> &
    ReservePlugin &
    PermitPlugin &
    PreBindPlugin &
    BindPlugin &
    PostBindPlugin
>;

/** The rows that passed every filter: `rows[0..count)`. */
export interface Candidates {
  readonly rows: Int32Array;
  readonly count: number;
}

/** Something that may have made room for a pod that was refused. */
export type ClusterEvent =
  | { readonly kind: 'node-added'; readonly node: Node }
  | { readonly kind: 'node-updated'; readonly node: Node; readonly previous: Node }
  /** A pod that held a place is gone, has ended, or was not bound after all. */
  | { readonly kind: 'pod-removed'; readonly pod: Pod; readonly nodeName: string }
  /** A pod took a place (pods that want to be near it may fit now). */
  | { readonly kind: 'pod-placed'; readonly pod: Pod; readonly nodeName: string };
