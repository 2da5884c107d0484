// Spans of time as people read them: `45s`, `5m30s`, `3h12m`, `6d`, `2y40d`.
// Coarser as they grow, two units at most: the form that `kubectl get` prints for ages.

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const YEAR = 365 * DAY;

/** Source of the steps: what kubectl shows for AGE. `<invalid>` for a time in the future. */
export function humanDuration(spanMs: number): string {
  if (spanMs <= -2 * SECOND) return '<invalid>';
  const ms = Math.max(0, spanMs);
  if (ms < 2 * MINUTE) return `${Math.floor(ms / SECOND)}s`;
  if (ms < 10 * MINUTE) return pair(ms, [MINUTE, 'm'], [SECOND, 's']);
  if (ms < 3 * HOUR) return `${Math.floor(ms / MINUTE)}m`;
  if (ms < 8 * HOUR) return pair(ms, [HOUR, 'h'], [MINUTE, 'm']);
  if (ms < 2 * DAY) return `${Math.floor(ms / HOUR)}h`;
  if (ms < 8 * DAY) return pair(ms, [DAY, 'd'], [HOUR, 'h']);
  if (ms < 2 * YEAR) return `${Math.floor(ms / DAY)}d`;
  if (ms < 8 * YEAR) return pair(ms, [YEAR, 'y'], [DAY, 'd']);
  return `${Math.floor(ms / YEAR)}y`;
}

/** Time since an RFC 3339 text; `<unknown>` when there is none. */
export const ageOf = (time: string | undefined, nowMs: number): string =>
  time === undefined || time === '' ? '<unknown>' : humanDuration(nowMs - Date.parse(time));

type Unit = readonly [ms: number, letter: string];

function pair(ms: number, [bigMs, big]: Unit, [smallMs, small]: Unit): string {
  const rest = Math.floor((ms % bigMs) / smallMs);
  return `${Math.floor(ms / bigMs)}${big}${rest === 0 ? '' : `${rest}${small}`}`;
}
