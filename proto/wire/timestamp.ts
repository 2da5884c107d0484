// RFC 3339 text ↔ seconds and nanoseconds.

export interface Timestamp {
  readonly seconds: number;
  readonly nanos: number;
}

const RFC3339 = /^(\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d)(?:\.(\d+))?([Zz]|[+-]\d\d:\d\d)$/;

/** Years 0000 to 9999: what the text can say. */
const SECONDS_MIN = Date.parse('0000-01-01T00:00:00Z') / 1000;
const SECONDS_MAX = Date.parse('9999-12-31T23:59:59Z') / 1000;

/** undefined when the text is no RFC 3339 time. */
export function parseTimestamp(text: string): Timestamp | undefined {
  const [, whole, fraction = '', zone] = RFC3339.exec(text) ?? [];
  if (whole === undefined || zone === undefined) return undefined;
  const ms = Date.parse(`${whole}${zone}`.toUpperCase());
  if (Number.isNaN(ms)) return undefined;
  return { seconds: ms / 1000, nanos: Number(fraction.slice(0, 9).padEnd(9, '0')) };
}

/** Seconds (`time`) or six decimals (`microTime`); undefined when out of range. */
export function formatTimestamp(at: Timestamp, type: 'time' | 'microTime'): string | undefined {
  if (!(at.seconds >= SECONDS_MIN && at.seconds <= SECONDS_MAX)) return undefined;
  if (!(at.nanos >= 0 && at.nanos < 1e9)) return undefined;
  const whole = new Date(at.seconds * 1000).toISOString().slice(0, 19);
  if (type === 'time') return `${whole}Z`;
  const micros = Math.floor(at.nanos / 1000);
  return `${whole}.${String(micros).padStart(6, '0')}Z`;
}
