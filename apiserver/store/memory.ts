// The model: the simplest store that keeps the contract. Everything it ever heard lies in one array
// of events; the past is found by replaying it. Other stores are compared with this one.

import { follow, type History, revisionOf } from './follow.ts';
import { RevisionGate } from './revision-gate.ts';
import {
  CompactedError,
  type Entry,
  type Range,
  type RangeOptions,
  type Store,
  type StoreEvent,
  type StoreKey,
  StoreUnavailableError,
  type WriteResult,
} from './store.ts';

/** As etcd counts: an empty store stands at 1, because 0 means "any" to clients. */
export const FIRST_REVISION = 1;

export class MemoryStore implements Store {
  readonly #gate = new RevisionGate(FIRST_REVISION);
  readonly #now = new Map<StoreKey, Entry>();
  /** The state at `#compacted`, and everything that happened since. */
  readonly #base = new Map<StoreKey, Entry>();
  #events: StoreEvent[] = [];
  #compacted = 0;
  #isClosed = false;

  async get(key: StoreKey): Promise<Entry | undefined> {
    this.#assertOpen();
    return this.#now.get(key);
  }

  async list(prefix: StoreKey, options: RangeOptions = {}): Promise<Range> {
    this.#assertOpen();
    const revision = options.revision ?? this.#gate.revision;
    const state = options.revision === undefined ? this.#now : this.#stateAt(revision);
    const { after, limit } = options;
    const found = [...state.values()]
      .filter(({ key }) => key.startsWith(prefix) && (after === undefined || key > after))
      .sort((a, b) => (a.key < b.key ? -1 : 1));
    const entries = limit === undefined ? found : found.slice(0, limit);
    return { entries, revision, remaining: found.length - entries.length };
  }

  async put(
    key: StoreKey,
    value: Uint8Array,
    { expectedRevision }: { readonly expectedRevision?: number } = {},
  ): Promise<WriteResult> {
    this.#assertOpen();
    const current = this.#now.get(key);
    if (expectedRevision !== undefined && expectedRevision !== (current?.revision ?? 0)) {
      return { ok: false, current };
    }
    const revision = this.#gate.revision + 1;
    const entry = { key, value: new Uint8Array(value), revision };
    return this.#record({ type: 'put', entry, isCreate: current === undefined });
  }

  async delete(
    key: StoreKey,
    { expectedRevision }: { readonly expectedRevision?: number } = {},
  ): Promise<WriteResult> {
    this.#assertOpen();
    const current = this.#now.get(key);
    const isStale = expectedRevision !== undefined && expectedRevision !== current?.revision;
    if (current === undefined || isStale) return { ok: false, current };
    return this.#record({ type: 'delete', key, revision: this.#gate.revision + 1 });
  }

  watch(
    prefix: StoreKey,
    afterRevision: number,
    signal: AbortSignal,
  ): AsyncIterable<readonly StoreEvent[]> {
    const history: History = {
      gate: this.#gate,
      read: (after, countMax) => {
        this.#assertKept(after);
        return this.#events.filter((event) => revisionOf(event) > after).slice(0, countMax);
      },
    };
    return follow(history, { prefix, afterRevision }, signal);
  }

  async compact(revision: number): Promise<void> {
    this.#assertOpen();
    const target = Math.min(revision, this.#gate.revision);
    if (target <= this.#compacted) return;
    for (const event of this.#events) if (revisionOf(event) <= target) apply(event, this.#base);
    this.#events = this.#events.filter((event) => revisionOf(event) > target);
    this.#compacted = target;
  }

  async progress(): Promise<number> {
    this.#assertOpen();
    return this.#gate.revision;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#gate.close(new StoreUnavailableError('the store is closed'));
  }

  #record(event: StoreEvent): WriteResult {
    const revision = revisionOf(event);
    this.#events.push(event);
    apply(event, this.#now);
    this.#gate.advance(revision);
    return { ok: true, revision };
  }

  #stateAt(revision: number): ReadonlyMap<StoreKey, Entry> {
    this.#assertKept(revision);
    if (revision > this.#gate.revision) throw notReached(revision);
    const state = new Map(this.#base);
    for (const event of this.#events) if (revisionOf(event) <= revision) apply(event, state);
    return state;
  }

  #assertKept(revision: number): void {
    if (revision < this.#compacted) throw new CompactedError(this.#compacted);
  }

  #assertOpen(): void {
    if (this.#isClosed) throw new StoreUnavailableError('the store is closed');
  }
}

export const notReached = (revision: number): StoreUnavailableError =>
  new StoreUnavailableError(`revision ${revision} has not been reached yet`);

function apply(event: StoreEvent, state: Map<StoreKey, Entry>): void {
  if (event.type === 'put') state.set(event.entry.key, event.entry);
  else state.delete(event.key);
}
