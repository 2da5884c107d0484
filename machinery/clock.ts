// The only door to time. Everything that waits or reads the time takes a Clock.

import { setTimeout as delay } from 'node:timers/promises';

export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Rejects with the signal's reason when aborted. */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>;
  /** Runs `task` once after the delay; the answer cancels it. */
  after(delayMs: number, task: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  sleep: (delayMs, signal) => delay(delayMs, undefined, signal ? { signal } : {}),
  after(delayMs, task) {
    const timer = setTimeout(task, delayMs);
    return () => clearTimeout(timer);
  },
};

/** RFC 3339 in UTC with seconds, the form of `creationTimestamp`. */
export const timestampOf = (epochMs: number): string =>
  `${new Date(epochMs).toISOString().slice(0, 19)}Z`;

/** RFC 3339 in UTC with microseconds, the form of lease times and event times. */
export const microTimestampOf = (epochMs: number): string =>
  `${new Date(epochMs).toISOString().slice(0, 23)}000Z`;
