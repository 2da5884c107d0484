import type { IncomingMessage } from 'node:http';
import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { BODY_BYTES_MAX, readBody } from './body.ts';

const requestOf = (stream: PassThrough, headers = {}): IncomingMessage =>
  Object.assign(stream, { headers, complete: false }) as unknown as IncomingMessage;

test('a body that breaks off is a fault of the request, not of the server', async () => {
  const stream = new PassThrough();
  const reading = readBody(requestOf(stream));
  stream.write('{"kind":');
  stream.destroy(new Error('aborted'));
  await expect(reading).rejects.toMatchObject({ reason: 'BadRequest' });
});

test('a body is too large by what it says or by what it sends', async () => {
  const told = requestOf(new PassThrough(), { 'content-length': String(BODY_BYTES_MAX + 1) });
  await expect(readBody(told)).rejects.toMatchObject({ reason: 'RequestEntityTooLarge' });
  const stream = new PassThrough();
  stream.end(Buffer.alloc(BODY_BYTES_MAX + 1));
  await expect(readBody(requestOf(stream))).rejects.toMatchObject({
    reason: 'RequestEntityTooLarge',
  });
});
