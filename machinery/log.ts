// Structured logs: a constant message plus fields, one JSON object a line.

import { type Logger, pino, stdTimeFunctions } from 'pino';

export type LogFields = Readonly<Record<string, unknown>>;

export interface Log {
  debug(message: string, fields?: LogFields): void;
  /** A change that an operator would tell. */
  info(message: string, fields?: LogFields): void;
  /** Degraded, will retry. Put the error into the field `error`. */
  warn(message: string, fields?: LogFields): void;
  /** A human must look. */
  error(message: string, fields?: LogFields): void;
  with(fields: LogFields): Log;
}

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export const stdoutLog = (component: string, level: LogLevel): Log =>
  wrap(
    pino({
      level,
      base: { component },
      messageKey: 'message',
      formatters: { level: (label) => ({ level: label }) },
      timestamp: stdTimeFunctions.isoTime,
      serializers: { error: errorText },
    }),
  );

/** For tests and for parts that nobody listens to. */
export const silentLog: Log = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  with: () => silentLog,
};

const wrap = (logger: Logger): Log => ({
  debug: (message, fields) => logger.debug(fields ?? {}, message),
  info: (message, fields) => logger.info(fields ?? {}, message),
  warn: (message, fields) => logger.warn(fields ?? {}, message),
  error: (message, fields) => logger.error(fields ?? {}, message),
  with: (fields) => wrap(logger.child(fields)),
});

function errorText(error: unknown): unknown {
  if (!(error instanceof Error)) return String(error);
  return error.name === 'StatusError' ? error.message : (error.stack ?? error.message);
}
