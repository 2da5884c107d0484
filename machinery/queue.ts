// The work queue: what is dirty waits, what is being processed is never handed out twice, and what
// becomes dirty meanwhile is handed out again afterwards. Retry lives here and nowhere else.
//
//   add ─► dirty ─► ready ─► processing ─► done ─┬─ still dirty? ─► ready
//   addAfter, addRateLimited ─► timers ─► add    └─ clean
//
// Keys are names of objects and counted once, so the cluster's objects bound the queue.

import type { Clock } from './clock.ts';

/** First retry of a failing key; doubles each time. */
const BASE_DELAY_MS = 5;
/** A key that keeps failing is tried every 17 minutes: alive, but no load. */
const RETRY_DELAY_MS_MAX = 1_000_000;
/** All retries together: bursts pass, a storm of failures is spread out. */
const RETRIES_PER_SECOND = 10;
const RETRY_BURST_MAX = 100;

export interface QueueOptions {
  readonly clock: Clock;
  readonly baseDelayMs?: number;
  readonly retryDelayMsMax?: number;
  readonly retriesPerSecond?: number;
  readonly retryBurstMax?: number;
  /** Told of every failed reconcile, before its retry is scheduled. */
  readonly onError?: (key: string, error: unknown, failures: number) => void;
}

/** What a reconcile may ask for: to be called again after a while. */
export interface Requeue {
  readonly requeueAfterMs: number;
}

export type Reconcile = (
  key: string,
  signal: AbortSignal,
) => Promise<Requeue | undefined> | Promise<void>;

interface Timer {
  readonly dueMs: number;
  readonly cancel: () => void;
}

export class WorkQueue {
  readonly #clock: Clock;
  readonly #options: QueueOptions;
  readonly #dirty = new Set<string>();
  readonly #processing = new Set<string>();
  /** Dirty and not processing, in order of arrival. */
  readonly #ready = new Set<string>();
  readonly #failures = new Map<string, number>();
  readonly #timers = new Map<string, Timer>();
  readonly #takers: ((key: string | undefined) => void)[] = [];
  readonly #bucket: TokenBucket;
  #isClosed = false;

  constructor(options: QueueOptions) {
    this.#clock = options.clock;
    this.#options = options;
    this.#bucket = new TokenBucket(
      options.clock,
      options.retriesPerSecond ?? RETRIES_PER_SECOND,
      options.retryBurstMax ?? RETRY_BURST_MAX,
    );
  }

  /** Keys that wait for a worker. */
  get length(): number {
    return this.#ready.size;
  }

  /** Keys that are with a worker. */
  get processing(): number {
    return this.#processing.size;
  }

  /** Nothing waits, runs or is scheduled. */
  get isIdle(): boolean {
    return this.#dirty.size === 0 && this.#processing.size === 0 && this.#timers.size === 0;
  }

  add(key: string): void {
    if (this.#isClosed || this.#dirty.has(key)) return;
    this.#dirty.add(key);
    if (this.#processing.has(key)) return;
    this.#ready.add(key);
    this.#wakeOne();
  }

  /** The earlier of two requests for the same key counts. */
  addAfter(key: string, delayMs: number): void {
    if (this.#isClosed) return;
    if (delayMs <= 0) {
      this.add(key);
      return;
    }
    const dueMs = this.#clock.now() + delayMs;
    const planned = this.#timers.get(key);
    if (planned !== undefined && planned.dueMs <= dueMs) return;
    planned?.cancel();
    const cancel = this.#clock.after(delayMs, () => {
      this.#timers.delete(key);
      this.add(key);
    });
    this.#timers.set(key, { dueMs, cancel });
  }

  /** After the key's own back-off or the overall rate, whichever is later. */
  addRateLimited(key: string): void {
    const failures = this.failuresOf(key);
    this.#failures.set(key, failures + 1);
    const base = this.#options.baseDelayMs ?? BASE_DELAY_MS;
    const backOffMs = Math.min(
      base * 2 ** Math.min(failures, 40),
      this.#options.retryDelayMsMax ?? RETRY_DELAY_MS_MAX,
    );
    this.addAfter(key, Math.max(backOffMs, this.#bucket.reserveMs()));
  }

  /** The key is fine: its next failure starts at the shortest delay again. */
  forget(key: string): void {
    this.#failures.delete(key);
  }

  failuresOf(key: string): number {
    return this.#failures.get(key) ?? 0;
  }

  /** The next key; undefined when closed. The taker must call `done(key)`. */
  take(): Promise<string | undefined> {
    const [key] = this.#ready;
    if (key !== undefined) return Promise.resolve(this.#handOut(key));
    if (this.#isClosed) return Promise.resolve(undefined);
    return new Promise((resolve) => this.#takers.push(resolve));
  }

  done(key: string): void {
    this.#processing.delete(key);
    if (!this.#dirty.has(key)) return;
    this.#ready.add(key);
    this.#wakeOne();
  }

  /** Drops what waits; workers that hold a key finish it. */
  close(): void {
    this.#isClosed = true;
    for (const { cancel } of this.#timers.values()) cancel();
    this.#timers.clear();
    this.#ready.clear();
    this.#dirty.clear();
    for (const wake of this.#takers.splice(0)) wake(undefined);
  }

  /** Runs that many workers until aborted; settles when the last one has put its key down. */
  async run(workers: number, reconcile: Reconcile, signal: AbortSignal): Promise<void> {
    const close = () => this.close();
    if (signal.aborted) close();
    signal.addEventListener('abort', close, { once: true });
    try {
      await Promise.all(Array.from({ length: workers }, () => this.#work(reconcile, signal)));
    } finally {
      signal.removeEventListener('abort', close);
    }
  }

  async #work(reconcile: Reconcile, signal: AbortSignal): Promise<void> {
    for (let key = await this.take(); key !== undefined; key = await this.take()) {
      try {
        const outcome = await reconcile(key, signal);
        this.forget(key);
        if (outcome) this.addAfter(key, outcome.requeueAfterMs);
      } catch (error) {
        if (!signal.aborted) {
          this.#options.onError?.(key, error, this.failuresOf(key) + 1);
          this.addRateLimited(key);
        }
      } finally {
        this.done(key);
      }
    }
  }

  #handOut(key: string): string {
    this.#ready.delete(key);
    this.#dirty.delete(key);
    this.#processing.add(key);
    return key;
  }

  #wakeOne(): void {
    const [key] = this.#ready;
    if (key === undefined) return;
    const wake = this.#takers.shift();
    if (wake) wake(this.#handOut(key));
  }
}

/** Tokens drip in at a steady rate up to a burst; a reservation may run into debt and waits. */
export class TokenBucket {
  readonly #clock: Clock;
  readonly #perMs: number;
  readonly #burst: number;
  #tokens: number;
  #updatedMs: number;

  constructor(clock: Clock, perSecond: number, burst: number) {
    this.#clock = clock;
    this.#perMs = perSecond / 1000;
    this.#burst = burst;
    this.#tokens = burst;
    this.#updatedMs = clock.now();
  }

  /** Takes a token now or in the future; answers how long to wait for it. */
  reserveMs(): number {
    this.#drip();
    this.#tokens--;
    return this.#tokens >= 0 ? 0 : Math.ceil(-this.#tokens / this.#perMs);
  }

  /** Takes a token if there is one. */
  tryTake(): boolean {
    this.#drip();
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }

  #drip(): void {
    const nowMs = this.#clock.now();
    const gained = Math.max(0, nowMs - this.#updatedMs) * this.#perMs;
    this.#tokens = Math.min(this.#burst, this.#tokens + gained);
    this.#updatedMs = nowMs;
  }
}
