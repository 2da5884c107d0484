// Writing answers: bytes with their length, statuses, and errors of every sort.

import type { ServerResponse } from 'node:http';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { StatusError } from '../../machinery/errors.ts';
import type { Log } from '../../machinery/log.ts';
import type { Status } from '../../proto/status.ts';
import type { Exchange } from './exchange.ts';

/** As upstream. Compressing less costs more than it saves. */
const GZIP_BYTES_MIN = 128 * 1024;
/** The fastest level: it takes most of what there is to gain in JSON. */
const GZIP_LEVEL = 1;

const compress = promisify(gzip);

export function send(
  response: ServerResponse,
  code: number,
  contentType: string,
  body: string | Uint8Array,
): void {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body;
  // Set one by one: what the way here has set (Warning, ETag) stays.
  response.setHeader('Content-Type', contentType);
  response.setHeader('Content-Length', bytes.length);
  if (!response.hasHeader('Cache-Control')) {
    response.setHeader('Cache-Control', 'no-cache, private');
  }
  response.writeHead(code);
  response.end(bytes);
}

export const sendJson = (response: ServerResponse, code: number, value: unknown): void =>
  send(response, code, 'application/json', `${JSON.stringify(value)}\n`);

/** Compressed when it is large and the client is elsewhere: on loopback, bytes are free. */
export async function sendLarge(
  exchange: Pick<Exchange, 'request' | 'response'>,
  contentType: string,
  body: Buffer,
): Promise<void> {
  const { request, response } = exchange;
  if (body.length < GZIP_BYTES_MIN || !wantsGzip(exchange)) {
    return send(response, 200, contentType, body);
  }
  const compressed = await compress(body, { level: GZIP_LEVEL });
  if (request.socket.destroyed) return;
  response.setHeader('Content-Encoding', 'gzip');
  response.setHeader('Vary', 'Accept-Encoding');
  send(response, 200, contentType, compressed);
}

export function wantsGzip({ request }: Pick<Exchange, 'request'>): boolean {
  const isLocal = isLoopback(request.socket.remoteAddress ?? '');
  return !isLocal && /\bgzip\b/.test(String(request.headers['accept-encoding'] ?? ''));
}

const isLoopback = (address: string): boolean =>
  address === '::1' || address.replace(/^::ffff:/, '').startsWith('127.');

export function sendError(response: ServerResponse, error: unknown, log: Log): void {
  const status = statusOf(error, log);
  if (response.headersSent) {
    // Too late for a status: a broken connection is the only way left to say that it failed.
    response.destroy();
    return;
  }
  const retryAfterSeconds = status.details?.retryAfterSeconds;
  if (retryAfterSeconds !== undefined) response.setHeader('Retry-After', retryAfterSeconds);
  // What the client still wants to send is not read.
  if (!response.req.complete) response.setHeader('Connection', 'close');
  response.removeHeader('Content-Encoding');
  // Go clients look into the details without asking whether there are any.
  sendJson(response, status.code, { details: {}, ...status });
}

/** A StatusError says what it is; anything else is our own fault and tells the client nothing. */
export function statusOf(error: unknown, log: Log): Status {
  if (error instanceof StatusError) return error.toStatus();
  log.error('a request met an unexpected error', { error });
  const message = 'Internal error occurred: the request could not be completed';
  return new StatusError('InternalError', message).toStatus();
}

export const success = (details?: Status['details'], code = 200): Status => ({
  kind: 'Status',
  apiVersion: 'v1',
  metadata: {},
  status: 'Success',
  ...(details && { details }),
  code,
});
