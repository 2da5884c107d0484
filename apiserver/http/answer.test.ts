import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { StatusError } from '../../machinery/errors.ts';
import { type Log, silentLog } from '../../machinery/log.ts';
import { sendError, sendLarge } from './answer.ts';

/** An exchange with a client at an address, and what was written to it. */
function exchangeWith(remoteAddress: string, headers: Record<string, string> = {}) {
  const socket = new Socket();
  Object.defineProperty(socket, 'remoteAddress', { value: remoteAddress });
  const request = new IncomingMessage(socket);
  Object.assign(request.headers, headers);
  const response = new ServerResponse(request);
  let written: Buffer = Buffer.alloc(0);
  response.end = ((bytes: Buffer) => {
    written = bytes;
    return response;
  }) as typeof response.end;
  return { request, response, written: () => written };
}

const large = Buffer.from('a pod '.repeat(50_000));
const gzip = { 'accept-encoding': 'gzip, deflate' };

test('a large answer is compressed for a client elsewhere that takes it so', async () => {
  const exchange = exchangeWith('10.0.0.9', gzip);
  await sendLarge(exchange, 'application/json', large);
  expect(exchange.response.getHeader('content-encoding')).toBe('gzip');
  expect(gunzipSync(exchange.written()).equals(large)).toBe(true);
  expect(exchange.response.getHeader('content-length')).toBe(exchange.written().length);
});

test('small answers, and those to the same machine, go as they are', async () => {
  for (const [address, headers, body] of [
    ['10.0.0.9', gzip, Buffer.from('small')],
    ['10.0.0.9', {}, large],
    ['127.0.0.1', gzip, large],
    ['::ffff:127.0.0.1', gzip, large],
  ] as const) {
    const exchange = exchangeWith(address, headers);
    await sendLarge(exchange, 'application/json', body);
    expect(exchange.response.hasHeader('content-encoding')).toBe(false);
    expect(exchange.written().equals(body)).toBe(true);
  }
});

const answered = (error: unknown, log: Log = silentLog) => {
  const exchange = exchangeWith('127.0.0.1');
  sendError(exchange.response, error, log);
  return { exchange, status: JSON.parse(exchange.written().toString()) as object };
};

test('a refusal is told with its code, and with the time to come back', () => {
  const { exchange, status } = answered(
    new StatusError('TooManyRequests', 'later', { details: { retryAfterSeconds: 3 } }),
  );
  expect(exchange.response.statusCode).toBe(429);
  expect(exchange.response.getHeader('retry-after')).toBe(3);
  expect(status).toMatchObject({ reason: 'TooManyRequests', details: { retryAfterSeconds: 3 } });
});

test('a bug of ours is logged, and told to nobody', () => {
  const logged: unknown[] = [];
  const log = { ...silentLog, error: (_message: string, fields?: object) => logged.push(fields) };
  const bug = new TypeError('the password is 1234');
  const { exchange, status } = answered(bug, log);
  expect(exchange.response.statusCode).toBe(500);
  expect(JSON.stringify(status)).not.toContain('1234');
  expect(status).toMatchObject({ reason: 'InternalError', details: {} });
  expect(logged).toEqual([{ error: bug }]);
});
