// Decides a group of writes against what is stored: who may write, and at which revision. Pure.

import type { EventRow } from './rows.ts';
import type { Entry, StoreKey, WriteResult } from './store.ts';

export interface WriteRequest {
  readonly key: StoreKey;
  /** Absent: delete. */
  readonly value: Uint8Array | undefined;
  readonly expectedRevision: number | undefined;
}

export interface PlannedWrite extends EventRow {
  readonly value: Uint8Array | undefined;
}

export interface WritePlan {
  readonly writes: readonly PlannedWrite[];
  /** One for each request, in order; true once the writes are on disk. */
  readonly results: readonly WriteResult[];
}

/** What is on disk. */
export interface Stored {
  /** 0: there is none. */
  revisionOf(key: StoreKey): number;
  entryOf(key: StoreKey): Entry | undefined;
}

export function planWrites(
  requests: readonly WriteRequest[],
  lastRevision: number,
  stored: Stored,
): WritePlan {
  const inGroup = new Map<StoreKey, PlannedWrite>();
  const writes: PlannedWrite[] = [];
  const results: WriteResult[] = [];
  for (const { key, value, expectedRevision } of requests) {
    const planned = inGroup.get(key);
    const current = planned === undefined ? stored.revisionOf(key) : currentRevisionOf(planned);
    if (
      (value === undefined && current === 0) ||
      (expectedRevision !== undefined && expectedRevision !== current)
    ) {
      results.push({ ok: false, current: planned ? entryOf(planned) : stored.entryOf(key) });
      continue;
    }
    const revision = lastRevision + writes.length + 1;
    const change = value === undefined ? 'D' : current === 0 ? 'C' : 'U';
    const write: PlannedWrite = { key, revision, change, value };
    inGroup.set(key, write);
    writes.push(write);
    results.push({ ok: true, revision });
  }
  return { writes, results };
}

const currentRevisionOf = ({ revision, change }: PlannedWrite): number =>
  change === 'D' ? 0 : revision;

const entryOf = ({ key, value, revision }: PlannedWrite): Entry | undefined =>
  value === undefined ? undefined : { key, value, revision };
