// From a gRPC failure to the StatusError that it carries, or stands for.

import { Metadata } from '@grpc/grpc-js';
import { StatusError } from '../machinery/errors.ts';
import { STATUS_TRAILER } from '../proto/rpc.ts';
import type { Reason } from '../proto/status.ts';
import { refusalOf, unavailable } from './wire.ts';

/** Failures that no server of ours explained: the connection, a proxy, grpc itself. */
const REASON_OF_CODE: Readonly<Record<number, Reason>> = {
  4: 'Timeout',
  5: 'NotFound',
  7: 'Forbidden',
  // Ours carry a trailer: without one it is a message above the limit.
  8: 'RequestEntityTooLarge',
  12: 'MethodNotAllowed',
  16: 'Unauthorized',
};

const CANCELLED = 1;
const UNAVAILABLE = 14;

interface Failure {
  readonly code?: number;
  readonly details?: string;
  readonly metadata?: unknown;
}

export function statusErrorOfGrpc(error: unknown): StatusError {
  if (error instanceof StatusError) return error;
  const { code = 2, details = String(error), metadata } = (error ?? {}) as Failure;
  const trailer = metadata instanceof Metadata ? metadata.get(STATUS_TRAILER)[0] : undefined;
  const reason = REASON_OF_CODE[code] ?? 'InternalError';
  if (trailer !== undefined) {
    try {
      return refusalOf(JSON.parse(String(trailer)), reason);
    } catch {
      return new StatusError(reason, details, { cause: error });
    }
  }
  // An end that nobody explained is a lost connection, too: a killed server's streams.
  if (code === UNAVAILABLE || code === CANCELLED) return unavailable(details, error);
  return new StatusError(reason, details, { cause: error });
}
