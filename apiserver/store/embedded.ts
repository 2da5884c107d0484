// A store in a folder of its own, for one apiserver: MVCC on LMDB, nothing to install.
//
//   put ─► queue ─► plan the group (compare, assign revisions) ─► one transaction, synced
//                 ─► index and recent events ─► promises resolve, watchers wake
//
// Groups never overlap. Readers see the index, so nothing that is not on disk.

import { DiskSpace } from './disk-space.ts';
import { type Folder, openFolder } from './folder.ts';
import { follow } from './follow.ts';
import { KeyIndex } from './key-index.ts';
import { FIRST_REVISION, notReached } from './memory.ts';
import { RecentEvents } from './recent-events.ts';
import { RevisionGate } from './revision-gate.ts';
import { type EventRow, Rows, unavailable } from './rows.ts';
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
import { type PlannedWrite, planWrites, type WriteRequest } from './write-plan.ts';

/** One group: enough to saturate a disk, short enough that its members wait a few ms. */
const GROUP_WRITES_MAX = 1024;
const GROUP_BYTES_MAX = 16 * 2 ** 20;
/** Waiting writes beyond this mean that the disk has stopped answering. */
const QUEUE_WRITES_MAX = 20_000;
const PAGE_BYTES = 4096;
/** Rows removed in one transaction, between which writes get their turn. */
const FORGET_WRITES_MAX = 500;

interface Waiting extends WriteRequest {
  resolve(result: WriteResult): void;
  reject(error: unknown): void;
}

export async function openEmbeddedStore(path: string): Promise<Store> {
  const folder = await openFolder(path);
  try {
    return new EmbeddedStore(folder, new Rows(folder.path));
  } catch (error) {
    await folder.release();
    throw error;
  }
}

class EmbeddedStore implements Store {
  readonly #folder: Folder;
  readonly #rows: Rows;
  readonly #space: DiskSpace;
  readonly #index = new KeyIndex();
  readonly #recent = new RecentEvents();
  readonly #gate: RevisionGate;
  #compacted: number;
  #queue: Waiting[] = [];
  #draining: Promise<void> | undefined;
  #compacting: Promise<void> = Promise.resolve();
  #isClosed = false;
  /** Set when it is closed, or when what is on disk can no longer be told: no more writes. */
  #refusal: StoreUnavailableError | undefined;

  constructor(folder: Folder, rows: Rows) {
    this.#folder = folder;
    this.#rows = rows;
    this.#space = new DiskSpace(folder.path);
    this.#compacted = rows.number('compacted');
    let revision = Math.max(FIRST_REVISION, this.#compacted);
    for (const row of rows.events()) {
      this.#index.record(row.key, row.revision, row.change === 'D');
      revision = Math.max(revision, row.revision);
    }
    this.#gate = new RevisionGate(revision);
  }

  async get(key: StoreKey): Promise<Entry | undefined> {
    this.#assertOpen();
    return this.#entryOf(key);
  }

  async list(prefix: StoreKey, options: RangeOptions = {}): Promise<Range> {
    this.#assertOpen();
    const { limit = Number.POSITIVE_INFINITY, after } = options;
    const revision = options.revision ?? this.#gate.revision;
    this.#assertKept(revision);
    if (revision > this.#gate.revision) throw notReached(revision);
    const entries: Entry[] = [];
    let remaining = 0;
    for (const key of this.#index.keys(prefix, after)) {
      const version = this.#index.at(key, revision);
      if (version === undefined) continue;
      if (entries.length >= limit) {
        remaining++;
        continue;
      }
      entries.push(this.#read(key, version.revision));
      if (entries.length < limit) continue;
      const behind = this.#index.countBehind(prefix, key, revision);
      if (behind !== undefined) return { entries, revision, remaining: behind };
    }
    return { entries, revision, remaining };
  }

  put(
    key: StoreKey,
    value: Uint8Array,
    { expectedRevision }: { readonly expectedRevision?: number } = {},
  ): Promise<WriteResult> {
    return this.#enqueue({ key, value, expectedRevision });
  }

  delete(
    key: StoreKey,
    { expectedRevision }: { readonly expectedRevision?: number } = {},
  ): Promise<WriteResult> {
    return this.#enqueue({ key, value: undefined, expectedRevision });
  }

  watch(
    prefix: StoreKey,
    afterRevision: number,
    signal: AbortSignal,
  ): AsyncIterable<readonly StoreEvent[]> {
    const history = {
      gate: this.#gate,
      read: (after: number, countMax: number) => this.#history(after, countMax),
    };
    return follow(history, { prefix, afterRevision }, signal);
  }

  compact(revision: number): Promise<void> {
    const turn = this.#compacting.then(() => this.#forget(revision));
    this.#compacting = turn.catch(() => {});
    return turn;
  }

  async progress(): Promise<number> {
    this.#assertOpen();
    return this.#gate.revision;
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#refusal = new StoreUnavailableError('the store is closed');
    this.#gate.close(this.#refusal);
    await this.#draining;
    await this.#compacting;
    await this.#rows.close();
    await this.#folder.release();
  }

  #enqueue(request: WriteRequest): Promise<WriteResult> {
    return new Promise((resolve, reject) => {
      if (this.#refusal) return reject(this.#refusal);
      if (this.#queue.length >= QUEUE_WRITES_MAX) {
        return reject(new StoreUnavailableError(`${QUEUE_WRITES_MAX} writes are waiting already`));
      }
      this.#queue.push({ ...request, resolve, reject });
      this.#draining ??= Promise.resolve().then(() => this.#drain());
    });
  }

  async #drain(): Promise<void> {
    while (this.#queue.length > 0) {
      const group = this.#takeGroup();
      try {
        await this.#write(group);
      } catch (error) {
        for (const { reject } of group) reject(error);
      }
    }
    this.#draining = undefined;
  }

  #takeGroup(): readonly Waiting[] {
    let bytes = 0;
    let count = 0;
    for (const { value } of this.#queue) {
      bytes += value?.length ?? 0;
      if (count > 0 && (count >= GROUP_WRITES_MAX || bytes > GROUP_BYTES_MAX)) break;
      count++;
    }
    return this.#queue.splice(0, count);
  }

  async #write(group: readonly Waiting[]): Promise<void> {
    if (this.#refusal && !this.#isClosed) throw this.#refusal;
    const plan = planWrites(group, this.#gate.revision, {
      revisionOf: (key) => this.#index.latest(key)?.revision ?? 0,
      entryOf: (key) => this.#entryOf(key),
    });
    if (plan.writes.length > 0) {
      await this.#space.take(bytesOnDisk(plan.writes));
      await this.#commit(plan.writes);
    }
    for (const [index, { resolve }] of group.entries()) resolve(plan.results[index]!);
  }

  async #commit(writes: readonly PlannedWrite[]): Promise<void> {
    await this.#reachDisk(this.#rows.append(writes));
    for (const { key, revision, change } of writes) {
      this.#index.record(key, revision, change === 'D');
    }
    for (const write of writes) this.#recent.push(eventOf(write, write.value));
    this.#gate.advance(writes[writes.length - 1]!.revision);
  }

  /**
   * After a failed transaction nobody knows what is on disk, nor whether the process is sound:
   * what is in memory can still be read, but nothing more is written until it is opened again.
   */
  async #reachDisk(commit: Promise<void>): Promise<void> {
    try {
      await commit;
    } catch (error) {
      this.#refusal ??= unavailable('the store must be opened again, for a write failed', error);
      throw error;
    }
  }

  #history(after: number, countMax: number): readonly StoreEvent[] {
    this.#assertKept(after);
    const recent = this.#recent.after(after, countMax);
    if (recent !== undefined) return recent;
    const events: StoreEvent[] = [];
    for (const row of this.#rows.events(after)) {
      if (events.length >= countMax || row.revision > this.#gate.revision) break;
      events.push(eventOf(row, row.change === 'D' ? undefined : this.#rows.value(row.revision)));
    }
    return events;
  }

  async #forget(revision: number): Promise<void> {
    if (this.#refusal) throw this.#refusal;
    const target = Math.min(revision, this.#gate.revision);
    if (target > this.#compacted) {
      await this.#space.take(PAGE_BYTES * FORGET_WRITES_MAX, 'compaction');
      await this.#reachDisk(this.#rows.setNumber('compacted', target));
      this.#compacted = target;
    }
    while (this.#refusal === undefined) {
      await this.#space.take(PAGE_BYTES * FORGET_WRITES_MAX, 'compaction');
      const rows = this.#index.forget(this.#compacted, FORGET_WRITES_MAX);
      if (rows.length === 0) return;
      await this.#reachDisk(this.#rows.remove(rows));
    }
  }

  #entryOf(key: StoreKey): Entry | undefined {
    const version = this.#index.latest(key);
    return version === undefined ? undefined : this.#read(key, version.revision);
  }

  #read(key: StoreKey, revision: number): Entry {
    return { key, value: this.#recent.value(revision) ?? this.#rows.value(revision), revision };
  }

  #assertKept(revision: number): void {
    if (revision < this.#compacted) throw new CompactedError(this.#compacted);
  }

  /** Reads go on when writes are refused. */
  #assertOpen(): void {
    if (this.#isClosed) throw this.#refusal;
  }
}

/** Every value takes whole pages, and changes others on the way to it. */
const bytesOnDisk = (writes: readonly PlannedWrite[]): number =>
  writes.reduce((sum, { value }) => sum + (value?.length ?? 0) + 2 * PAGE_BYTES, 0);

function eventOf({ key, revision, change }: EventRow, value: Uint8Array | undefined): StoreEvent {
  if (value === undefined) return { type: 'delete', key, revision };
  return { type: 'put', entry: { key, value, revision }, isCreate: change === 'C' };
}
