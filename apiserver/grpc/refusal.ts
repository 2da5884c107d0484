// A failure as gRPC tells it: the nearest status code, and the Status document in a trailer.

import { Metadata, type ServiceError, status as StatusCode } from '@grpc/grpc-js';
import type { Log } from '../../machinery/log.ts';
import { GRPC_CODES, STATUS_TRAILER } from '../../proto/rpc.ts';
import type { Status } from '../../proto/status.ts';
import { statusOf } from '../http/answer.ts';

/** Headers of HTTP/2 are limited to 16 KB by default; a refusal with many causes is cut short. */
const TRAILER_BYTES_MAX = 6 * 1024;
const MESSAGE_CHARS_MAX = 1024;

export function refusalOf(error: unknown, log: Log): Partial<ServiceError> {
  const status = statusOf(error, log);
  const metadata = new Metadata();
  metadata.set(STATUS_TRAILER, Buffer.from(JSON.stringify(shortened(status))));
  return {
    code: status.reason === undefined ? StatusCode.UNKNOWN : GRPC_CODES[status.reason],
    details: (status.message ?? '').slice(0, MESSAGE_CHARS_MAX),
    metadata,
  };
}

function shortened(status: Status): Status {
  if (Buffer.byteLength(JSON.stringify(status)) <= TRAILER_BYTES_MAX) return status;
  const { causes: _, ...details } = status.details ?? {};
  const message = (status.message ?? '').slice(0, MESSAGE_CHARS_MAX);
  return { ...status, message, details };
}
