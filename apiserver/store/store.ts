// A revisioned key-value store: the one place where the cluster's state lives.
// Implementations (memory, embedded, etcd) share one contract suite, test/contracts/store.ts.
//
//   Every write that succeeds takes the next revision; revisions never go back and are never
//   used twice. A write is on disk before its promise resolves (memory aside).

/** `/registry/<group or core>/<plural>/[<namespace>/]<name>` */
export type StoreKey = string;

export interface Entry {
  readonly key: StoreKey;
  readonly value: Uint8Array;
  /** Revision of the write that gave the key this value. */
  readonly revision: number;
}

export type StoreEvent =
  | { readonly type: 'put'; readonly entry: Entry; readonly isCreate: boolean }
  | { readonly type: 'delete'; readonly key: StoreKey; readonly revision: number };

export type WriteResult =
  | { readonly ok: true; readonly revision: number }
  /** Somebody was faster; `current` is what is there now. */
  | { readonly ok: false; readonly current: Entry | undefined };

export interface RangeOptions {
  /** At most so many entries; absent: all. */
  readonly limit?: number;
  /** Only keys behind this one: where the page before ended. */
  readonly after?: StoreKey;
  /** State as of this revision; absent: now. Rejects with CompactedError when it is gone. */
  readonly revision?: number;
}

export interface Range {
  /** In key order (bytewise). */
  readonly entries: readonly Entry[];
  /** Revision at which the whole store was read. */
  readonly revision: number;
  /** How many keys of the prefix lie behind the last entry. */
  readonly remaining: number;
}

export interface Store {
  /** Linearizable. */
  get(key: StoreKey): Promise<Entry | undefined>;
  list(prefix: StoreKey, options?: RangeOptions): Promise<Range>;
  /**
   * `expectedRevision` 0: the key must not exist; absent: whatever is there.
   * The bytes belong to the store from here on: nobody changes them.
   */
  put(
    key: StoreKey,
    value: Uint8Array,
    options?: { readonly expectedRevision?: number },
  ): Promise<WriteResult>;
  /** A key that does not exist: `{ ok: false, current: undefined }`. */
  delete(key: StoreKey, options?: { readonly expectedRevision?: number }): Promise<WriteResult>;
  /**
   * Every event of the prefix after `afterRevision`, in order, none lost or doubled, in batches.
   * Rejects with CompactedError when history no longer reaches back so far. Ends when aborted.
   */
  watch(
    prefix: StoreKey,
    afterRevision: number,
    signal: AbortSignal,
  ): AsyncIterable<readonly StoreEvent[]>;
  /**
   * Forgets history before this revision; the newest value of each key stays. From then on lists
   * at an older revision and watches after an older revision reject with CompactedError.
   */
  compact(revision: number): Promise<void>;
  /** A revision not older than any write acknowledged before the call. */
  progress(): Promise<number>;
  close(): Promise<void>;
}

export class CompactedError extends Error {
  override readonly name = 'CompactedError';
  readonly compactedRevision: number;

  constructor(compactedRevision: number) {
    super(`history before revision ${compactedRevision} has been compacted`);
    this.compactedRevision = compactedRevision;
  }
}

/** The store is out of reach or refuses for a reason outside the request; nothing is known lost. */
export class StoreUnavailableError extends Error {
  override readonly name = 'StoreUnavailableError';
}
