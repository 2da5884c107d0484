// Forgets the store's history once it is old: watchers that were away for longer list again.
// Level-triggered: each tick remembers where the store stands, and compacts to where it stood
// `keepMs` ago.

import type { Clock } from '../../machinery/clock.ts';
import type { Log } from '../../machinery/log.ts';
import type { Store } from './store.ts';

/** As long as upstream keeps etcd's history: a client may pause for so long and go on. */
const KEEP_MS = 5 * 60_000;
const TICK_MS = 15_000;
/** At a storm of writes disk and index stay bounded, at the price of shorter history. */
const KEEP_REVISIONS_MAX = 1_000_000;

export interface CompactorConfig {
  readonly keepMs?: number;
  readonly tickMs?: number;
}

interface Mark {
  readonly atMs: number;
  readonly revision: number;
}

/** Settles when aborted. */
export async function runCompactor(
  { store, clock, log }: { readonly store: Store; readonly clock: Clock; readonly log: Log },
  { keepMs = KEEP_MS, tickMs = TICK_MS }: CompactorConfig,
  signal: AbortSignal,
): Promise<void> {
  let marks: readonly Mark[] = [];
  while (!signal.aborted) {
    try {
      const mark = { atMs: clock.now(), revision: await store.progress() };
      const { target, kept } = planCompaction([...marks, mark], mark, keepMs);
      marks = kept;
      if (target !== undefined) {
        await store.compact(target);
        log.debug('Forgot old history', { revision: target });
      }
    } catch (error) {
      if (!signal.aborted) log.warn('Could not compact the store, will retry', { error });
    }
    await clock.sleep(tickMs, signal).catch(() => {});
  }
}

/** `target`: history before it may go. Marks that can still become a target are kept. */
export function planCompaction(
  marks: readonly Mark[],
  now: Mark,
  keepMs: number,
): { readonly target: number | undefined; readonly kept: readonly Mark[] } {
  const old = marks.filter(
    ({ atMs, revision }) =>
      atMs <= now.atMs - keepMs || revision <= now.revision - KEEP_REVISIONS_MAX,
  );
  return { target: old[old.length - 1]?.revision, kept: marks.slice(old.length) };
}
