// What the embedded store keeps on disk, in LMDB: two append-only tables by revision, and a few
// numbers. One group of writes is one transaction, synced before its promise resolves.
//
//   events  revision → C|U|D + key   (create, update, delete: all that the index needs at start)
//   values  revision → bytes
//   numbers name → number

import { type Database, open, type RootDatabase } from 'lmdb';
import { StoreUnavailableError } from './store.ts';

/**
 * Address space, not memory or disk: what the file may grow to. At a steady 6,000 writes a second
 * five minutes of history are 8 GB.
 */
const MAP_BYTES = 64 * 2 ** 30;

export type Change = 'C' | 'U' | 'D';

export interface EventRow {
  readonly revision: number;
  readonly change: Change;
  readonly key: string;
}

export class Rows {
  readonly #root: RootDatabase<Buffer, string>;
  readonly #events: Database<string, number>;
  readonly #values: Database<Buffer, number>;
  readonly #numbers: Database<string, string>;
  #tail: Promise<void> = Promise.resolve();

  constructor(folder: string) {
    try {
      this.#root = open<Buffer, string>({
        path: folder,
        encoding: 'binary',
        maxDbs: 4,
        mapSize: MAP_BYTES,
        // Resolve when synced, not when merely visible.
        overlappingSync: false,
        // Groups are made by the store; a further turn of waiting would only add latency.
        eventTurnBatching: false,
      });
      this.#events = this.#root.openDB({ name: 'events', encoding: 'string' });
      this.#values = this.#root.openDB({ name: 'values', encoding: 'binary' });
      this.#numbers = this.#root.openDB({ name: 'numbers', encoding: 'string' });
    } catch (error) {
      throw unavailable(`cannot read the data in ${folder}`, error);
    }
  }

  /** In order of revision. */
  *events(afterRevision = 0): Generator<EventRow, void, undefined> {
    const rows = this.#events.getRange({ start: afterRevision, exclusiveStart: true });
    for (const { key: revision, value } of rows) yield rowOf(revision, value);
  }

  event(revision: number): EventRow | undefined {
    const value = this.#events.get(revision) ?? this.#afterRefresh(this.#events, revision);
    return value === undefined ? undefined : rowOf(revision, value);
  }

  value(revision: number): Uint8Array {
    const value =
      this.#values.getBinary(revision) ??
      this.#afterRefresh({ get: (row: number) => this.#values.getBinary(row) }, revision);
    if (value === undefined) {
      throw new StoreUnavailableError(`the data is damaged: revision ${revision} has no value`);
    }
    return value;
  }

  /**
   * Durable when it resolves. All or nothing: nothing, too, when the first revision is taken, as
   * it is when a process that the owner file did not keep out (in another container) writes here.
   */
  append(rows: readonly (EventRow & { readonly value: Uint8Array | undefined })[]): Promise<void> {
    const write = () => {
      for (const { revision, change, key, value } of rows) {
        this.#events.put(revision, change + key);
        if (value !== undefined) this.#values.put(revision, asBuffer(value));
      }
    };
    return this.#commit(async () => {
      if (await this.#events.ifNoExists(rows[0]!.revision, write)) return;
      throw new Error('another process writes to the same data folder');
    });
  }

  remove(revisions: readonly number[]): Promise<void> {
    const write = () => {
      for (const revision of revisions) {
        this.#events.remove(revision);
        this.#values.remove(revision);
      }
    };
    return this.#commit(() => this.#root.batch(write));
  }

  number(name: string): number {
    return Number(this.#numbers.get(name) ?? '0');
  }

  setNumber(name: string, value: number): Promise<void> {
    return this.#commit(() => this.#numbers.put(name, String(value)));
  }

  async close(): Promise<void> {
    await this.#tail;
    await this.#root.close();
  }

  /** One at a time, so that each promise stands for exactly its own transaction. */
  #commit(write: () => Promise<unknown>): Promise<void> {
    const turn = this.#tail.then(async () => {
      try {
        await write();
      } catch (error) {
        throw unavailable('the write did not reach the disk', await causeOf(error));
      }
    });
    this.#tail = turn.catch(() => {});
    return turn;
  }

  /** Reads share a snapshot for a turn; a row committed since then needs a newer one. */
  #afterRefresh<T>(table: { get(row: number): T | undefined }, revision: number): T | undefined {
    this.#root.resetReadTxn();
    return table.get(revision);
  }
}

const rowOf = (revision: number, value: string): EventRow => ({
  revision,
  change: value[0] as Change,
  key: value.slice(1),
});

const asBuffer = (value: Uint8Array): Buffer =>
  Buffer.isBuffer(value) ? value : Buffer.from(value.buffer, value.byteOffset, value.byteLength);

/** The database answers "see commitError", a promise that rejects with what really happened. */
async function causeOf(error: unknown): Promise<unknown> {
  if (!(error instanceof Error) || !('commitError' in error)) return error;
  try {
    await error.commitError;
    return error;
  } catch (cause) {
    return cause;
  }
}

export function unavailable(what: string, error: unknown): StoreUnavailableError {
  const text = error instanceof Error ? error.message : String(error);
  return new StoreUnavailableError(`${what}: ${text}`, { cause: error });
}
