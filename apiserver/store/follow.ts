// A watch that pulls: it remembers where it is and reads on whenever history has grown. So a slow
// reader costs no memory, and nothing can overflow; one that sleeps past a compaction is told.

import type { RevisionGate } from './revision-gate.ts';
import type { StoreEvent, StoreKey } from './store.ts';

/** Events in one batch: large enough to amortize a turn, small enough to share the thread. */
const BATCH_EVENTS_MAX = 1000;

export interface History {
  /** The newest revision that readers may see. */
  readonly gate: RevisionGate;
  /**
   * Events after `afterRevision`, at most so many, all prefixes. Complete up to the last one
   * answered, and never empty while `gate.revision` is larger. Throws CompactedError.
   */
  read(afterRevision: number, countMax: number): readonly StoreEvent[];
}

export async function* follow(
  history: History,
  { prefix, afterRevision }: { readonly prefix: StoreKey; readonly afterRevision: number },
  signal: AbortSignal,
): AsyncGenerator<readonly StoreEvent[], void, undefined> {
  let cursor = afterRevision;
  while (!signal.aborted) {
    await history.gate.reached(cursor + 1, signal);
    if (signal.aborted) return;
    const events = history.read(cursor, BATCH_EVENTS_MAX);
    const last = events[events.length - 1];
    if (last === undefined) continue;
    cursor = revisionOf(last);
    const wanted = events.filter((event) => keyOf(event).startsWith(prefix));
    if (wanted.length > 0) yield wanted;
  }
}

export const keyOf = (event: StoreEvent): StoreKey =>
  event.type === 'put' ? event.entry.key : event.key;

export const revisionOf = (event: StoreEvent): number =>
  event.type === 'put' ? event.entry.revision : event.revision;
