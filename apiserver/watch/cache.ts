// The present state of one resource and its recent past, in memory, encoded: lists and watches are
// answered from here, never from the store. The hub feeds it; everything it does is synchronous,
// so a watcher that takes a snapshot and then follows has neither gap nor overlap.

import type { Clock } from '../../machinery/clock.ts';
import { expired } from '../../machinery/errors.ts';
import type { Encoded, EncodedEvent } from '../registry/registry.ts';
import type { RevisionGate } from '../store/revision-gate.ts';
import { Change } from './change.ts';
import { encodedOf, type ParsedPool } from './encoding.ts';
import { Items } from './items.ts';
import { prefixOf, Watcher, type WatcherLimits, type WatchFilter } from './watcher.ts';
import { NO_VALUES, Watchers } from './watchers.ts';
import { Window, type WindowLimits } from './window.ts';

export type CacheLimits = WindowLimits & WatcherLimits;

/** A field by which objects are looked up often: `spec.nodeName` of pods. */
export interface IndexDefinition {
  readonly name: string;
  valueOf(item: Encoded): string;
}

export interface CacheParts {
  readonly clock: Clock;
  readonly indexes: readonly IndexDefinition[];
  readonly limits: CacheLimits;
  /** The revision of all caches: the hub's. */
  readonly gate: RevisionGate;
  readonly parsed: ParsedPool;
}

export interface CacheWatch {
  /** Events after this revision. Absent: only what is yet to come. */
  readonly afterRevision?: number | undefined;
  /** First the present state as ADDED events; `afterRevision` is not looked at. */
  readonly sendInitialEvents?: boolean | undefined;
  /** A bookmark that says so behind the initial events. */
  readonly markInitialEnd?: boolean | undefined;
  readonly allowBookmarks?: boolean | undefined;
  readonly timeoutMs?: number | undefined;
}

export interface CachePage {
  readonly revision: number;
  readonly items: readonly Encoded[];
  /** Key of the last item when more lie behind it. */
  readonly next: string | undefined;
  /** How many lie behind it; undefined when a selector makes that unknown. */
  readonly remaining: number | undefined;
}

/** Upstream's pace; a client that resumes has at most so much to catch up with. */
const BOOKMARK_MS = 60_000;
/** Past events in one batch: some hundred kilobytes. */
const BATCH_EVENTS = 500;

export class WatchCache {
  readonly #parts: CacheParts;
  readonly #items: Items;
  readonly #window: Window;
  readonly #watchers: Watchers;

  constructor(parts: CacheParts) {
    this.#parts = parts;
    this.#items = new Items(parts.indexes);
    this.#window = new Window(parts.limits, parts.gate.revision);
    this.#watchers = new Watchers(parts.indexes.map(({ name }) => name));
  }

  /** Of the whole store: every write up to here is seen. */
  get revision(): number {
    return this.#parts.gate.revision;
  }

  get size(): number {
    return this.#items.size;
  }

  get watcherCount(): number {
    return this.#watchers.size;
  }

  /** By `name` or `namespace/name`. */
  get(key: string): Encoded | undefined {
    return this.#items.get(key)?.item;
  }

  /** In key order. */
  list(filter: WatchFilter, { limit }: { readonly limit?: number | undefined } = {}): CachePage {
    const { matches, hint } = filter;
    const items: Encoded[] = [];
    let last: string | undefined;
    let behind = 0;
    for (const key of this.#items.keys(prefixOf(filter), hint)) {
      const { item } = this.#items.get(key)!;
      if (matches !== undefined && !matches(item)) continue;
      if (limit !== undefined && items.length >= limit) {
        behind++;
        // That there is more is all that can be said cheaply when a selector chooses.
        if (matches !== undefined) break;
        continue;
      }
      items.push(item);
      last = key;
    }
    return {
      revision: this.revision,
      items,
      next: behind > 0 ? last : undefined,
      remaining: matches === undefined ? behind : undefined,
    };
  }

  /** Rejects with Expired when the revision is too old or the reader too slow. */
  async *watch(
    filter: WatchFilter,
    options: CacheWatch,
    signal: AbortSignal,
  ): AsyncGenerator<readonly EncodedEvent[], void, undefined> {
    if (signal.aborted) return;
    const { revision } = this;
    const { afterRevision = revision, sendInitialEvents = false } = options;
    const past = sendInitialEvents
      ? added(this.list(filter).items)
      : told(this.#window.after(afterRevision), filter);
    // A revision from the future (seen elsewhere, not here yet): what comes before it is known.
    const toldUpTo = sendInitialEvents ? revision : Math.max(afterRevision, revision);
    const watcher = new Watcher(filter, toldUpTo, this.#parts.limits);
    this.#watchers.add(watcher);
    const stopTimers = this.#startTimers(watcher, options);
    try {
      yield* past;
      if (sendInitialEvents && options.markInitialEnd) {
        yield [{ type: 'BOOKMARK', revision, initialEventsEnd: true }];
      }
      while (true) {
        const batch = await watcher.next(signal);
        if (batch === undefined) return;
        yield batch;
      }
    } finally {
      stopTimers();
      this.#watchers.delete(watcher);
    }
  }

  /**
   * For the hub: a stored value, or undefined for a delete. `flush` wakes the watchers.
   * Throws, and changes nothing, when the value is no object.
   */
  apply(key: string, value: Uint8Array | undefined, revision: number): void {
    const after = value && this.#items.hold(encodedOf(value, revision, this.#parts.parsed));
    const before = this.#items.set(key, after);
    if (before === undefined && after === undefined) return;
    const change = new Change({ key, revision, before: before?.item, after: after?.item });
    this.#window.push(change);
    this.#watchers.dispatch(change, before?.values ?? NO_VALUES, after?.values ?? NO_VALUES);
  }

  flush(): void {
    this.#watchers.flush();
  }

  /** For the hub: an object of the initial list, put in when the answer is called. Not an event. */
  loader(key: string, value: Uint8Array, revision: number): () => void {
    const item = this.#items.hold(encodedOf(value, revision, this.#parts.parsed));
    return () => this.#items.set(key, item);
  }

  /** For the hub: history was lost. Everything is forgotten, and every watcher lists again. */
  reset(revision: number): void {
    this.#items.clear();
    this.#window.reset(revision);
    this.#watchers.failAll(expired('the history that this watch follows was lost: list again'));
  }

  #startTimers(watcher: Watcher, { allowBookmarks, timeoutMs }: CacheWatch): () => void {
    const { clock } = this.#parts;
    const mark = () => {
      const revision = Math.max(this.revision, watcher.afterRevision);
      watcher.offer({ type: 'BOOKMARK', revision, initialEventsEnd: false });
      watcher.wake();
    };
    let stopMarks = () => {};
    const markLater = () => {
      stopMarks = clock.after(BOOKMARK_MS, () => {
        mark();
        markLater();
      });
    };
    let stopTimeout = () => {};
    if (allowBookmarks) markLater();
    if (timeoutMs !== undefined) {
      stopTimeout = clock.after(timeoutMs, () => {
        if (allowBookmarks) mark();
        watcher.end();
      });
    }
    return () => {
      stopMarks();
      stopTimeout();
    };
  }
}

type Batches = Generator<readonly EncodedEvent[], void, undefined>;

function* added(items: readonly Encoded[]): Batches {
  for (let at = 0; at < items.length; at += BATCH_EVENTS) {
    yield items.slice(at, at + BATCH_EVENTS).map((item) => ({ type: 'ADDED', item }));
  }
}

function* told(changes: readonly Change[], filter: WatchFilter): Batches {
  const prefix = prefixOf(filter);
  for (let at = 0; at < changes.length; at += BATCH_EVENTS) {
    const events = changes
      .slice(at, at + BATCH_EVENTS)
      .filter(({ key }) => key.startsWith(prefix))
      .map((change) => change.eventFor(filter.matches))
      .filter((event) => event !== undefined);
    if (events.length > 0) yield events;
  }
}
