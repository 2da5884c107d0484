// Which pod sits where, as far as we know: what the API has shown, and what we decided ourselves
// and have not seen there yet (assumed). Feeds the snapshot.
//
//   (unplaced) ── assume ──► assumed ── put (the API shows it) ──► bound
//                               └── forget (binding failed) / expire (never shown) ──► (unplaced)

import type { Clock } from '../machinery/clock.ts';
import type { Node } from '../proto/generated/core.v1.ts';
import type { PodInfo } from './pod-info.ts';
import { Snapshot } from './snapshot.ts';

/** A binding that was acknowledged shows up in the watch in milliseconds; this is a safety net. */
const ASSUMED_MS_MAX = 120_000;

interface Placement {
  readonly info: PodInfo;
  readonly nodeName: string;
  /** Infinity while the binding is under way; absent once the API has shown it. */
  readonly assumedUntilMs?: number;
}

export class Cache {
  readonly snapshot = new Snapshot();
  readonly #clock: Clock;
  readonly #placements = new Map<string, Placement>();
  /** Also of nodes that are not known (yet, or any more). */
  readonly #podsOf = new Map<string, Map<string, PodInfo>>();
  readonly #assumed = new Set<string>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  putNode(node: Node): void {
    const { name } = node.metadata;
    const isNew = this.snapshot.rowOf(name) < 0;
    this.snapshot.putNode(node);
    if (!isNew) return;
    const row = this.snapshot.rowOf(name);
    for (const info of this.#podsOf.get(name)?.values() ?? []) this.snapshot.addPod(row, info);
  }

  removeNode(nodeName: string): void {
    this.snapshot.removeNode(nodeName);
  }

  /** The API shows this pod on this node. It is right, whatever we assumed. */
  put(info: PodInfo, nodeName: string): void {
    this.#displace(info.uid);
    this.#place({ info, nodeName });
  }

  /** Takes the place at once, so that the next decision sees it taken. */
  assume(info: PodInfo, nodeName: string): void {
    this.#displace(info.uid);
    this.#place({ info, nodeName, assumedUntilMs: Number.POSITIVE_INFINITY });
    this.#assumed.add(info.uid);
  }

  /** The API has acknowledged the binding; from now on it should show it. */
  confirm(uid: string): void {
    const placement = this.#placements.get(uid);
    if (placement?.assumedUntilMs === undefined) return;
    const assumedUntilMs = this.#clock.now() + ASSUMED_MS_MAX;
    this.#placements.set(uid, { ...placement, assumedUntilMs });
  }

  /** Gives an assumed place back. False when it was not assumed (any more). */
  forget(uid: string): boolean {
    return this.#assumed.has(uid) && this.remove(uid) !== undefined;
  }

  /** Answers the node it sat on. */
  remove(uid: string): string | undefined {
    return this.#displace(uid)?.nodeName;
  }

  isAssumed(uid: string): boolean {
    return this.#assumed.has(uid);
  }

  nodeOf(uid: string): string | undefined {
    return this.#placements.get(uid)?.nodeName;
  }

  get assumedCount(): number {
    return this.#assumed.size;
  }

  /** Places that were acknowledged long ago and never shown; they are given back. */
  expire(): readonly PodInfo[] {
    const nowMs = this.#clock.now();
    const late: PodInfo[] = [];
    for (const uid of this.#assumed) {
      const placement = this.#placements.get(uid)!;
      if (placement.assumedUntilMs! <= nowMs) late.push(placement.info);
    }
    for (const { uid } of late) this.#displace(uid);
    return late;
  }

  #place(placement: Placement): void {
    const { info, nodeName } = placement;
    this.#placements.set(info.uid, placement);
    const pods = this.#podsOf.get(nodeName);
    if (pods === undefined) this.#podsOf.set(nodeName, new Map([[info.uid, info]]));
    else pods.set(info.uid, info);
    const row = this.snapshot.rowOf(nodeName);
    if (row >= 0) this.snapshot.addPod(row, info);
  }

  #displace(uid: string): Placement | undefined {
    const placement = this.#placements.get(uid);
    if (placement === undefined) return undefined;
    const { info, nodeName } = placement;
    this.#placements.delete(uid);
    this.#assumed.delete(uid);
    const pods = this.#podsOf.get(nodeName)!;
    pods.delete(uid);
    if (pods.size === 0) this.#podsOf.delete(nodeName);
    const row = this.snapshot.rowOf(nodeName);
    if (row >= 0) this.snapshot.removePod(row, info);
    return placement;
  }
}
