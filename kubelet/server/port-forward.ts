// port-forward: a SPDY session (raw, or within WebSocket messages) in which every forwarded
// connection is a pair of streams, `error` and `data`, that carry the same request id.

import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { loadDictionary, SpdySession, type SpdyStream } from './spdy.ts';

export const PORT_FORWARD_PROTOCOL = 'portforward.k8s.io';
/** Sub-protocols of WebSocket that carry a whole SPDY session. */
export const TUNNEL_PROTOCOLS = ['SPDY/3.1+portforward.k8s.io', 'v2.portforward.k8s.io'] as const;

const CONNECT_MS_MAX = 10_000;

export async function forwardPorts(socket: Duplex, host: string): Promise<void> {
  const session = new SpdySession(socket, await loadDictionary());
  const errors = new Map<string, SpdyStream>();
  await session.run((stream) => {
    const id = stream.headers.get('requestid') ?? '';
    if (stream.headers.get('streamtype') === 'error') {
      errors.set(id, stream);
      stream.resume();
      stream.once('close', () => errors.delete(id));
      return;
    }
    const port = Number(stream.headers.get('port'));
    void forward(stream, errors.get(id), { host, port });
  });
}

async function forward(
  stream: SpdyStream,
  errors: SpdyStream | undefined,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<void> {
  try {
    const target = await dial(host, port);
    // Either side may close first; what was said until then arrives.
    await Promise.allSettled([pipeline(stream, target), pipeline(target, stream)]);
    errors?.end();
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    errors?.end(`an error occurred forwarding ${port}: ${why}`);
    stream.end();
    stream.resume();
  }
}

function dial(host: string, port: number): Promise<Duplex> {
  if (!Number.isInteger(port) || port < 1 || port > 65535) {
    return Promise.reject(new Error(`no such port: ${port}`));
  }
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, allowHalfOpen: true, timeout: CONNECT_MS_MAX });
    socket.once('timeout', () => socket.destroy(new Error('connection timed out')));
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.setTimeout(0);
      resolve(socket);
    });
  });
}
