// Time that moves only when told. Same sleeps, same order, every run.

import { setImmediate as turn } from 'node:timers/promises';
import type { Clock } from '../../machinery/clock.ts';

interface Sleeper {
  readonly wakeMs: number;
  readonly wake: () => void;
}

export class FakeClock implements Clock {
  readonly #sleepers: Sleeper[] = [];
  #nowMs: number;

  constructor(startMs = 0) {
    this.#nowMs = startMs;
  }

  now(): number {
    return this.#nowMs;
  }

  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const abort = () => {
        cancel();
        reject(signal?.reason);
      };
      const cancel = this.after(delayMs, () => {
        signal?.removeEventListener('abort', abort);
        resolve();
      });
      signal?.addEventListener('abort', abort, { once: true });
    });
  }

  after(delayMs: number, task: () => void): () => void {
    const wakeMs = this.#nowMs + Math.max(0, delayMs);
    const sleeper: Sleeper = { wakeMs, wake: task };
    this.#push(sleeper);
    return () => {
      const index = this.#sleepers.indexOf(sleeper);
      if (index >= 0) this.#sleepers.splice(index, 1);
    };
  }

  /** How many sleeps and tasks wait. */
  get pending(): number {
    return this.#sleepers.length;
  }

  /** Milliseconds until the next wake-up, if any. */
  get nextMs(): number | undefined {
    const next = this.#sleepers[0];
    return next && next.wakeMs - this.#nowMs;
  }

  /** Advances to each wake-up in turn, letting woken code run before the next. */
  async advance(durationMs: number): Promise<void> {
    const endMs = this.#nowMs + durationMs;
    await turn();
    for (let next = this.#nextBy(endMs); next !== undefined; next = this.#nextBy(endMs)) {
      this.#nowMs = next.wakeMs;
      next.wake();
      await turn();
    }
    this.#nowMs = endMs;
  }

  /** Advances until the condition holds; throws when it does not within the time. */
  async advanceUntil(condition: () => boolean, withinMs = 60_000): Promise<void> {
    const endMs = this.#nowMs + withinMs;
    for (await turn(); !condition(); await turn()) {
      const next = this.#nextBy(endMs);
      if (next === undefined) throw new Error(`not so within ${withinMs} ms of simulated time`);
      this.#nowMs = next.wakeMs;
      next.wake();
    }
  }

  #nextBy(endMs: number): Sleeper | undefined {
    const next = this.#sleepers[0];
    return next !== undefined && next.wakeMs <= endMs ? this.#sleepers.shift() : undefined;
  }

  /** Keeps the sleepers in order of waking: binary search, later arrivals behind equal ones. */
  #push(sleeper: Sleeper): void {
    let low = 0;
    let high = this.#sleepers.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#sleepers[middle]!.wakeMs <= sleeper.wakeMs) low = middle + 1;
      else high = middle;
    }
    this.#sleepers.splice(low, 0, sleeper);
  }
}
