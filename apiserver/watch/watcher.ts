// One reader of a watch cache: a bounded buffer between the cache, which never waits, and a
// connection, which may be slow. Events gather until the reader comes back for the next batch; a
// reader that stays away too long is cut off and lists again.

import { expired } from '../../machinery/errors.ts';
import type { Encoded, EncodedEvent } from '../registry/registry.ts';

export interface WatcherLimits {
  readonly bufferEventsMax: number;
  readonly bufferBytesMax: number;
}

export interface WatchFilter {
  /** Absent: all namespaces. */
  readonly namespace?: string | undefined;
  /** Label and field selectors. Absent: everything. */
  readonly matches?: ((item: Encoded) => boolean) | undefined;
  /** What `matches` demands of an indexed field: others' events then cost this watcher nothing. */
  readonly hint?: IndexHint | undefined;
}

export interface IndexHint {
  /** An index of the cache, or `key`: `namespace/name` or `name`. Unknown ones are not used. */
  readonly index: string;
  readonly value: string;
}

/** Of the cache keys that the filter can match: they are `namespace/name` or `name`. */
export const prefixOf = ({ namespace }: WatchFilter): string =>
  namespace === undefined ? '' : `${namespace}/`;

export class Watcher {
  readonly filter: WatchFilter;
  readonly prefix: string;
  /** What it has been told already: later events only. */
  readonly afterRevision: number;
  readonly #limits: WatcherLimits;
  #buffer: EncodedEvent[] = [];
  #bytes = 0;
  #failure: Error | undefined;
  #isEnded = false;
  #wake: (() => void) | undefined;

  constructor(filter: WatchFilter, afterRevision: number, limits: WatcherLimits) {
    this.filter = filter;
    this.prefix = prefixOf(filter);
    this.afterRevision = afterRevision;
    this.#limits = limits;
  }

  /** Does not wake the reader: many changes make one batch. */
  offer(event: EncodedEvent): void {
    if (this.#failure !== undefined) return;
    this.#buffer.push(event);
    if (event.type !== 'BOOKMARK') this.#bytes += event.item.bytes.length;
    const { bufferEventsMax, bufferBytesMax } = this.#limits;
    if (this.#buffer.length > bufferEventsMax || this.#bytes > bufferBytesMax) {
      this.fail(expired('the watch fell behind: its buffer is full'));
    }
  }

  wake(): void {
    this.#wake?.();
  }

  /** What was not yet read is dropped: with a gap behind it, it would be of no use. */
  fail(error: Error): void {
    this.#failure ??= error;
    this.#buffer = [];
    this.wake();
  }

  /** After what is in the buffer. */
  end(): void {
    this.#isEnded = true;
    this.wake();
  }

  /** The next batch; undefined when it has ended or was aborted. Rejects when cut off. */
  async next(signal: AbortSignal): Promise<readonly EncodedEvent[] | undefined> {
    while (true) {
      if (signal.aborted) return undefined;
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#buffer.length > 0) return this.#take();
      if (this.#isEnded) return undefined;
      await this.#woken(signal);
    }
  }

  #take(): readonly EncodedEvent[] {
    const batch = this.#buffer;
    this.#buffer = [];
    this.#bytes = 0;
    return batch;
  }

  #woken(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        this.#wake = undefined;
        signal.removeEventListener('abort', wake);
        resolve();
      };
      this.#wake = wake;
      signal.addEventListener('abort', wake, { once: true });
    });
  }
}
