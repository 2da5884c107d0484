// The cluster's story for whoever has to find out what went wrong. An error line is a violation:
// the simulation knows no human who must look.

import type { Clock } from '../../machinery/clock.ts';
import type { Log, LogFields } from '../../machinery/log.ts';

/** Enough to see what led to a failure. */
const LINES_MAX = 300;

export class SimLog {
  readonly #clock: Clock;
  readonly #onError: (line: string) => void;
  readonly #lines: string[] = [];

  constructor(clock: Clock, onError: (line: string) => void) {
    this.#clock = clock;
    this.#onError = onError;
  }

  get tail(): string {
    return this.#lines.join('\n');
  }

  say(line: string): void {
    this.#lines.push(`${(this.#clock.now() % 1e8).toFixed(1).padStart(10)} ${line}`);
    if (this.#lines.length > LINES_MAX) this.#lines.shift();
  }

  of(component: string, bound: LogFields = {}): Log {
    const write = (level: string, message: string, fields: LogFields = {}) =>
      this.say(`${level} ${component}: ${message} ${textOf({ ...bound, ...fields })}`);
    return {
      debug: (message, fields) => write('debug', message, fields),
      info: (message, fields) => write('info', message, fields),
      warn: (message, fields) => write('warn', message, fields),
      error: (message, fields) => {
        write('error', message, fields);
        this.#onError(`${component} logged an error: ${message} ${textOf(fields ?? {})}`);
      },
      with: (fields) => this.of(component, { ...bound, ...fields }),
    };
  }
}

const textOf = (fields: LogFields): string =>
  Object.entries(fields)
    .map(([name, value]) => `${name}=${shown(value)}`)
    .join(' ');

function shown(value: unknown): string {
  if (!(value instanceof Error)) return JSON.stringify(value) ?? String(value);
  return value.name === 'StatusError' ? value.message : (value.stack ?? value.message);
}
