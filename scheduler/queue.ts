// Pods that want a node. Each one is in exactly one place:
//
//   add ──► active (heap, by the profile's order) ──pop──► a scheduling cycle
//             ▲  ▲                                          │ failed        │ fits nowhere
//             │  └──── its delay is over ──── backoff ◄── retry            park
//             └──── an event may help (or 5 min have passed) ◄── parked ◄───┘
//
// As long as the number of pods in the API: each pending pod has to wait somewhere.

import type { Clock } from '../machinery/clock.ts';
import type { ClusterEvent } from './framework.ts';
import { Heap } from './heap.ts';
import type { PodInfo } from './pod-info.ts';

const BACKOFF_MS_FIRST = 1_000;
/** A pod that was refused often is tried again soon after something changed all the same. */
const BACKOFF_MS_MAX = 10_000;
/** No hint is perfect: nobody stays parked longer than this. */
const PARKED_MS_MAX = 5 * 60_000;
const FLUSH_MS = 30_000;

export interface QueuedPod {
  info: PodInfo;
  readonly enqueuedMs: number;
  /** Breaks ties of time in the order of arrival. */
  readonly sequence: number;
  attempts: number;
  place: 'active' | 'backoff' | 'parked' | 'gated' | 'cycle';
  /** No new attempt before this, whatever happens. */
  notBeforeMs: number;
  parkedMs: number;
  /** The plugins that refused it last time: their hints wake it. */
  refusedBy: ReadonlySet<string>;
}

export interface QueueOptions {
  readonly clock: Clock;
  less(a: QueuedPod, b: QueuedPod): boolean;
  /** Must the pod stay out for now (scheduling gates)? */
  isGated(pod: PodInfo): boolean;
  /** Could the event help a pod that this plugin refused? */
  hint(plugin: string, pod: PodInfo, event: ClusterEvent): boolean;
}

export class SchedulingQueue {
  readonly #options: QueueOptions;
  readonly #pods = new Map<string, QueuedPod>();
  readonly #active: Heap<QueuedPod>;
  readonly #backoff = new Heap<QueuedPod>((a, b) => a.notBeforeMs < b.notBeforeMs);
  readonly #parked = new Set<QueuedPod>();
  #sequence = 0;
  #flushAtMs: number;
  #alarm: { readonly atMs: number; readonly cancel: () => void } | undefined;
  #notify: (() => void) | undefined;
  #isClosed = false;

  constructor(options: QueueOptions) {
    this.#options = options;
    this.#active = new Heap((a, b) => options.less(a, b));
    this.#flushAtMs = options.clock.now() + FLUSH_MS;
  }

  get sizes(): Readonly<Record<'active' | 'backoff' | 'parked' | 'gated', number>> {
    const [active, backoff, parked] = [this.#active.size, this.#backoff.size, this.#parked.size];
    let gated = 0;
    for (const { place } of this.#pods.values()) if (place === 'gated') gated++;
    return { active, backoff, parked, gated };
  }

  /** Is a pod waiting for nothing but its turn? */
  get hasWork(): boolean {
    return this.#active.size > 0;
  }

  has(uid: string): boolean {
    return this.#pods.has(uid);
  }

  /** A pod that is new, or changed in a way that deserves a fresh look. */
  put(info: PodInfo): void {
    const known = this.#pods.get(info.uid);
    if (known !== undefined) {
      known.info = info;
      // Between pop and its answer: the answer decides where it goes.
      if (known.place !== 'cycle') this.#admit(known);
      return;
    }
    const entry: QueuedPod = {
      info,
      enqueuedMs: this.#options.clock.now(),
      sequence: this.#sequence++,
      attempts: 0,
      place: 'gated',
      notBeforeMs: 0,
      parkedMs: 0,
      refusedBy: new Set(),
    };
    this.#pods.set(info.uid, entry);
    this.#admit(entry);
  }

  /** The pod's object changed in nothing that matters to its chances. */
  refresh(info: PodInfo): void {
    const known = this.#pods.get(info.uid);
    if (known !== undefined) known.info = info;
  }

  remove(uid: string): void {
    const entry = this.#pods.get(uid);
    if (entry === undefined) return;
    this.#pods.delete(uid);
    this.#leave(entry);
  }

  /** The next pod to place; it stays ours until `park`, `retry` or `remove`. */
  pop(): QueuedPod | undefined {
    this.#tick();
    const entry = this.#active.pop();
    if (entry === undefined) return undefined;
    entry.place = 'cycle';
    entry.attempts++;
    return entry;
  }

  /** It fits nowhere: wait for an event that its refusers deem helpful. */
  park(entry: QueuedPod, refusedBy: ReadonlySet<string>): void {
    if (this.#pods.get(entry.info.uid) !== entry) return;
    entry.refusedBy = refusedBy;
    entry.place = 'parked';
    entry.parkedMs = this.#options.clock.now();
    entry.notBeforeMs = entry.parkedMs + backoffMsOf(entry.attempts);
    this.#parked.add(entry);
    this.#setAlarm();
  }

  /** Something failed that another attempt may mend. */
  retry(entry: QueuedPod): void {
    if (this.#pods.get(entry.info.uid) !== entry) return;
    entry.notBeforeMs = this.#options.clock.now() + backoffMsOf(entry.attempts);
    this.#admit(entry);
  }

  /** Frees those that the event may help. */
  wake(event: ClusterEvent): void {
    for (const entry of this.#parked) {
      for (const plugin of entry.refusedBy) {
        if (!this.#options.hint(plugin, entry.info, event)) continue;
        this.#admit(entry);
        break;
      }
    }
  }

  /** Resolves when `pop` may have an answer; rejects with the signal's reason. One waiter only. */
  async ready(signal: AbortSignal): Promise<void> {
    this.#tick();
    if (this.#active.size > 0 || signal.aborted) return signal.throwIfAborted();
    const { promise, resolve } = withResolvers();
    this.#notify = resolve;
    signal.addEventListener('abort', resolve, { once: true });
    await promise;
    signal.removeEventListener('abort', resolve);
    signal.throwIfAborted();
  }

  /** No timer is left behind, and none is set any more. */
  close(): void {
    this.#isClosed = true;
    this.#alarm?.cancel();
    this.#alarm = undefined;
  }

  #admit(entry: QueuedPod): void {
    this.#leave(entry);
    if (this.#options.isGated(entry.info)) {
      entry.place = 'gated';
    } else if (entry.notBeforeMs > this.#options.clock.now()) {
      entry.place = 'backoff';
      this.#backoff.push(entry);
      this.#setAlarm();
    } else {
      entry.place = 'active';
      this.#active.push(entry);
      this.#announce();
    }
  }

  #leave(entry: QueuedPod): void {
    if (entry.place === 'active') this.#active.remove(entry);
    else if (entry.place === 'backoff') this.#backoff.remove(entry);
    else if (entry.place === 'parked') this.#parked.delete(entry);
  }

  /** Moves what time alone frees. */
  #tick(): void {
    const nowMs = this.#options.clock.now();
    for (let next = this.#backoff.peek(); next && next.notBeforeMs <= nowMs; ) {
      this.#admit(next);
      next = this.#backoff.peek();
    }
    if (nowMs < this.#flushAtMs) return;
    this.#flushAtMs = nowMs + FLUSH_MS;
    for (const entry of this.#parked) {
      if (nowMs - entry.parkedMs >= PARKED_MS_MAX) this.#admit(entry);
    }
  }

  #announce(): void {
    const notify = this.#notify;
    this.#notify = undefined;
    notify?.();
  }

  #setAlarm(): void {
    const { clock } = this.#options;
    const backoffMs = this.#backoff.peek()?.notBeforeMs ?? Number.POSITIVE_INFINITY;
    const flushMs = this.#parked.size > 0 ? Math.max(this.#flushAtMs, clock.now()) : backoffMs;
    const atMs = Math.min(backoffMs, flushMs);
    if (atMs === Number.POSITIVE_INFINITY || this.#isClosed) return;
    if (this.#alarm !== undefined && this.#alarm.atMs <= atMs) return;
    this.#alarm?.cancel();
    const cancel = clock.after(Math.max(0, atMs - clock.now()), () => {
      this.#alarm = undefined;
      this.#tick();
      this.#setAlarm();
    });
    this.#alarm = { atMs, cancel };
  }
}

const backoffMsOf = (attempts: number): number =>
  Math.min(BACKOFF_MS_FIRST * 2 ** Math.max(0, attempts - 1), BACKOFF_MS_MAX);

function withResolvers(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = () => {};
  const promise = new Promise<void>((settle) => {
    resolve = () => settle();
  });
  return { promise, resolve };
}
