// The newest events, kept in memory for watchers that keep up: they need not read the disk.

import { revisionOf } from './follow.ts';
import type { StoreEvent } from './store.ts';

/** A few groups; whoever is further behind reads from disk. */
const EVENTS_MAX = 4096;
const BYTES_MAX = 16 * 2 ** 20;

/** Revisions in it are consecutive. */
export class RecentEvents {
  #events: StoreEvent[] = [];
  #bytes = 0;

  push(event: StoreEvent): void {
    this.#events.push(event);
    this.#bytes += bytesOf(event);
    if (this.#events.length > EVENTS_MAX || this.#bytes > BYTES_MAX) this.#trim();
  }

  /** undefined: they are no longer all here. */
  after(revision: number, countMax: number): readonly StoreEvent[] | undefined {
    const at = this.#indexOf(revision + 1);
    return at === undefined ? undefined : this.#events.slice(at, at + countMax);
  }

  value(revision: number): Uint8Array | undefined {
    const at = this.#indexOf(revision);
    const event = at === undefined ? undefined : this.#events[at];
    return event?.type === 'put' ? event.entry.value : undefined;
  }

  #indexOf(revision: number): number | undefined {
    const first = this.#events[0];
    if (first === undefined) return undefined;
    const at = revision - revisionOf(first);
    return at >= 0 && at < this.#events.length ? at : undefined;
  }

  /** Halves it, so that the cost of moving is spread over thousands of events. */
  #trim(): void {
    let drop = 0;
    while (
      this.#events.length - drop > EVENTS_MAX / 2 ||
      (this.#bytes > BYTES_MAX / 2 && drop < this.#events.length)
    ) {
      this.#bytes -= bytesOf(this.#events[drop++]!);
    }
    this.#events = this.#events.slice(drop);
  }
}

/** Keys count too: deletes have nothing else. */
const bytesOf = (event: StoreEvent): number =>
  event.type === 'put' ? event.entry.value.length + event.entry.key.length : event.key.length;
