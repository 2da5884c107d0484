// How long a container that keeps ending waits for its next start: 10 s, doubled each time up to
// 5 minutes, forgotten once it has run for 10. Source: the kubelet's documented CrashLoopBackOff.

export const BACK_OFF_MS = 10_000;
export const BACK_OFF_MS_MAX = 300_000;
const FORGET_AFTER_MS = 2 * BACK_OFF_MS_MAX;

export interface CrashBackOff {
  readonly delayMs: number;
  /** When the container was last started again. */
  readonly updatedMs: number;
}

/** When it may start again; undefined: now. `endedMs` is when its last run ended. */
export function waitsUntil(
  entry: CrashBackOff | undefined,
  endedMs: number,
  nowMs: number,
): number | undefined {
  if (entry === undefined || endedMs - entry.updatedMs > FORGET_AFTER_MS) return undefined;
  const dueMs = endedMs + entry.delayMs;
  return dueMs > nowMs ? dueMs : undefined;
}

/** The entry after one more start. */
export function nextBackOff(
  entry: CrashBackOff | undefined,
  endedMs: number,
  nowMs: number,
): CrashBackOff {
  const isFresh = entry === undefined || endedMs - entry.updatedMs > FORGET_AFTER_MS;
  return {
    delayMs: isFresh ? BACK_OFF_MS : Math.min(entry.delayMs * 2, BACK_OFF_MS_MAX),
    updatedMs: nowMs,
  };
}

/** As Go prints durations: `10s`, `1m20s`, `5m0s`. */
export function goDurationOf(ms: number): string {
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}m${seconds % 60}s`;
  return `${Math.floor(minutes / 60)}h${minutes % 60}m${seconds % 60}s`;
}
