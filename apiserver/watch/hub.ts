// Feeds all watch caches from one watch on the store, so that they all stand at the same revision.
//
//   list everything at one revision ─► watch from there ─► caches ─► watchers
//        ▲                                  │ broken: again from where it stood
//        └── history compacted away ◄───────┘

import type { Clock } from '../../machinery/clock.ts';
import { invariant } from '../../machinery/errors.ts';
import type { Log } from '../../machinery/log.ts';
import type { Resource } from '../../proto/resource.ts';
import { keyOf, revisionOf } from '../store/follow.ts';
import { RevisionGate } from '../store/revision-gate.ts';
import {
  CompactedError,
  type Entry,
  type Store,
  type StoreEvent,
  type StoreKey,
} from '../store/store.ts';
import { type CacheLimits, type IndexDefinition, WatchCache } from './cache.ts';
import { ParsedPool } from './encoding.ts';

export interface HubResource {
  readonly resource: Pick<Resource, 'group' | 'plural'>;
  readonly indexes?: readonly IndexDefinition[];
}

export interface HubParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  /** Versions of one resource share a cache: name it once. */
  readonly resources: readonly HubResource[];
  readonly limits?: Partial<CacheLimits>;
}

const REGISTRY = '/registry/';

/**
 * The window spans the pause of a client that reconnects; a buffer holds the largest burst that a
 * healthy reader may be late for, say a thousand pods changing three times.
 */
const LIMITS: CacheLimits = {
  windowEventsMax: 8192,
  windowBytesMax: 32 * 2 ** 20,
  bufferEventsMax: 8192,
  bufferBytesMax: 64 * 2 ** 20,
};

/** Encoded bytes whose objects stay parsed: some ten thousand pods, about 100 MB of heap. */
const PARSED_BYTES_MAX = 32 * 2 ** 20;

/** Objects on the first page of the initial list; the following ones are as long as fits. */
const FIRST_PAGE = 500;
const PAGE_MAX = 20_000;
/** Few pages, as a store counts what is left at each; but none that blocks the thread for long. */
const PAGE_BYTES = 32 * 2 ** 20;

/** Enough for the minute of a restart; replaying them takes some tens of milliseconds. */
const RESUMABLE_REVISIONS = 2000;

const BACK_OFF_MIN_MS = 50;
const BACK_OFF_MAX_MS = 2000;

/** Outside of every resource: a write here tells how far the watch has come. */
const BARRIER_KEY: StoreKey = `${REGISTRY}wherry.internal/barrier`;
/** An idle watch is at the store's revision well within this; else others write to the store. */
const BARRIER_DELAY_MS = 100;

export class WatchHub {
  readonly #parts: HubParts;
  readonly #gate = new RevisionGate(0);
  /** By what the store keys of the resource start with. */
  readonly #caches = new Map<StoreKey, WatchCache>();
  #isConnected = false;
  /** Where the store stood when filling began. */
  #readyAt = 1;
  #barrier: Promise<void> | undefined;

  constructor(parts: HubParts) {
    this.#parts = parts;
    const limits = { ...LIMITS, ...parts.limits };
    const parsed = new ParsedPool(PARSED_BYTES_MAX);
    for (const { resource, indexes = [] } of parts.resources) {
      const prefix = prefixOf(resource);
      const { clock } = parts;
      this.#caches.set(
        prefix,
        new WatchCache({ clock, indexes, limits, gate: this.#gate, parsed }),
      );
    }
  }

  /** The caches are filled and follow the store. */
  get ready(): boolean {
    return this.#isConnected && this.#gate.revision >= this.#readyAt;
  }

  get revision(): number {
    return this.#gate.revision;
  }

  cacheOf(resource: Pick<Resource, 'group' | 'plural'>): WatchCache {
    const cache = this.#caches.get(prefixOf(resource));
    invariant(cache !== undefined, `${resource.plural} has no watch cache`);
    return cache;
  }

  /** Resolves once every cache holds this revision; rejects with the signal's reason. */
  async waitFor(revision: number, signal?: AbortSignal): Promise<void> {
    if (revision <= this.#gate.revision) return;
    const stopWaiting = this.#parts.clock.after(BARRIER_DELAY_MS, () => this.#raiseBarrier());
    try {
      await this.#gate.reached(revision, signal);
    } finally {
      stopWaiting();
    }
    signal?.throwIfAborted();
  }

  /** Settles when aborted. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#parts;
    let backOffMs = BACK_OFF_MIN_MS;
    let mustList = true;
    while (!signal.aborted) {
      const before = this.#gate.revision;
      try {
        if (mustList) await this.#fill(signal);
        mustList = false;
        await this.#follow(signal);
      } catch (error) {
        mustList ||= error instanceof CompactedError;
        if (!signal.aborted) log.warn('Lost the watch on the store, will retry', { error });
      }
      this.#isConnected = false;
      if (signal.aborted) return;
      if (this.#gate.revision > before) backOffMs = BACK_OFF_MIN_MS;
      await clock.sleep(backOffMs, signal).catch(() => {});
      backOffMs = Math.min(backOffMs * 2, BACK_OFF_MAX_MS);
    }
  }

  /**
   * The first time it begins a little in the past and lets the watch tell the rest, so that clients
   * of an apiserver that was restarted resume instead of listing everything again.
   */
  async #fill(signal: AbortSignal): Promise<void> {
    const { store } = this.#parts;
    const now = await store.progress();
    this.#readyAt = now;
    if (this.#gate.revision > 0) return this.#fillAt(undefined, signal);
    try {
      await this.#fillAt(Math.max(1, now - RESUMABLE_REVISIONS), signal);
    } catch (error) {
      if (!(error instanceof CompactedError)) throw error;
      await this.#fillAt(undefined, signal);
    }
  }

  /** The whole state is gathered first: a list that fails half-way changes nothing. */
  async #fillAt(past: number | undefined, signal: AbortSignal): Promise<void> {
    const { store, log } = this.#parts;
    const gathered: (() => void)[] = [];
    let page = await store.list(REGISTRY, {
      limit: FIRST_PAGE,
      ...(past !== undefined && { revision: past }),
    });
    const { revision } = page;
    this.#gather(page.entries, gathered);
    while (page.remaining > 0 && !signal.aborted) {
      const after = page.entries[page.entries.length - 1]!.key;
      page = await store.list(REGISTRY, { limit: pageAfter(page.entries), after, revision });
      this.#gather(page.entries, gathered);
    }
    if (signal.aborted) return;
    for (const cache of this.#caches.values()) cache.reset(revision);
    for (const load of gathered) load();
    this.#gate.advance(revision);
    log.debug('Filled the watch caches', { revision, objects: gathered.length });
  }

  /** Encoded at once, so that a page of the store's answer can go before the next one comes. */
  #gather(entries: readonly Entry[], into: (() => void)[]): void {
    for (const { key, value, revision } of entries) {
      const folder = folderOf(key);
      const cache = this.#caches.get(folder);
      if (cache === undefined) continue;
      this.#readable(key, () => into.push(cache.loader(key.slice(folder.length), value, revision)));
    }
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const { store } = this.#parts;
    // An answer, whatever it is, shows that the store is there.
    await store.progress();
    this.#isConnected = true;
    for await (const events of store.watch(REGISTRY, this.#gate.revision, signal)) {
      this.#apply(events);
    }
  }

  #apply(events: readonly StoreEvent[]): void {
    const last = events[events.length - 1];
    if (last === undefined) return;
    const touched = new Set<WatchCache>();
    for (const event of events) {
      const key = keyOf(event);
      const folder = folderOf(key);
      const cache = this.#caches.get(folder);
      if (cache === undefined) continue;
      const value = event.type === 'put' ? event.entry.value : undefined;
      this.#readable(key, () => cache.apply(key.slice(folder.length), value, revisionOf(event)));
      touched.add(cache);
    }
    this.#gate.advance(revisionOf(last));
    for (const cache of touched) cache.flush();
  }

  /** What somebody else put into the store must not stop the cluster: it is left out, loudly. */
  #readable(key: StoreKey, work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#parts.log.error('Left out an object that cannot be read', { key, error });
    }
  }

  /**
   * In an etcd that others use too, the revision to wait for may be of a write of theirs, of which
   * our watch says nothing. A write of our own behind it comes through the watch, in order.
   */
  #raiseBarrier(): void {
    this.#barrier ??= this.#parts.store
      .put(BARRIER_KEY, new Uint8Array())
      .then(
        () => {},
        (error) => this.#parts.log.warn('Could not write the watch barrier', { error }),
      )
      .finally(() => {
        this.#barrier = undefined;
      });
  }
}

/** How many objects fit on the next page when they are as large as these. */
function pageAfter(entries: readonly Entry[]): number {
  const bytes = entries.reduce((sum, { value }) => sum + value.length, 0);
  return Math.min(PAGE_MAX, Math.max(1, Math.floor((entries.length * PAGE_BYTES) / (bytes + 1))));
}

const prefixOf = ({ group, plural }: Pick<Resource, 'group' | 'plural'>): StoreKey =>
  `${REGISTRY}${group === '' ? 'core' : group}/${plural}/`;

/** `/registry/<group>/<plural>/` of a key. */
function folderOf(key: StoreKey): StoreKey {
  const behindGroup = key.indexOf('/', REGISTRY.length) + 1;
  return key.slice(0, key.indexOf('/', behindGroup) + 1);
}
