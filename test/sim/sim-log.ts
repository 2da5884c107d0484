// The cluster's story for whoever has to find out what went wrong. Two kinds of lines are violations:
// an error, since here is no human who must look, and one about a bug (a TypeError, say), which a
// boundary has caught to try again.

import type { Clock } from '../../machinery/clock.ts';
import type { Log, LogFields } from '../../machinery/log.ts';

/** Enough to see what led to a failure. */
const LINES_MAX = 300;

export class SimLog {
  readonly #clock: Clock;
  readonly #complain: (violation: string) => void;
  readonly #lines: string[] = [];

  constructor(clock: Clock, complain: (violation: string) => void) {
    this.#clock = clock;
    this.#complain = complain;
  }

  get tail(): string {
    return this.#lines.join('\n');
  }

  say(line: string): void {
    this.#lines.push(`${(this.#clock.now() % 1e8).toFixed(1).padStart(10)} ${line}`);
    if (this.#lines.length > LINES_MAX) this.#lines.shift();
  }

  of(component: string, bound: LogFields = {}): Log {
    const write = (level: string, message: string, fields: LogFields = {}) => {
      const line = `${level} ${component}: ${message} ${textOf({ ...bound, ...fields })}`;
      if (level === 'error' || isBug(fields.error)) this.#complain(line);
      else this.say(line);
    };
    return {
      debug: (message, fields) => write('debug', message, fields),
      info: (message, fields) => write('info', message, fields),
      warn: (message, fields) => write('warn', message, fields),
      error: (message, fields) => write('error', message, fields),
      with: (fields) => this.of(component, { ...bound, ...fields }),
    };
  }
}

const WORLDLY = ['StatusError', 'StoreUnavailableError', 'CompactedError'];
const isBug = (error: unknown): boolean => error instanceof Error && !WORLDLY.includes(error.name);

const textOf = (fields: LogFields): string =>
  Object.entries(fields)
    .map(([name, value]) => `${name}=${shown(value)}`)
    .join(' ');

function shown(value: unknown): string {
  if (!(value instanceof Error)) return JSON.stringify(value) ?? String(value);
  return WORLDLY.includes(value.name) ? value.message : (value.stack ?? value.message);
}
