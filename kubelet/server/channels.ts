// exec and attach over WebSocket: one connection, many channels, told apart by the first byte of
// each binary message. 0 stdin, 1 stdout, 2 stderr, 3 outcome, 4 terminal size, 255 end of input.
// Source: Kubernetes' channel protocol, versions v4 and v5 (which adds 255).

import { once } from 'node:events';
import type { Readable } from 'node:stream';
import type { WebSocket } from 'ws';
import type { Session } from '../runtime/runtime.ts';

export const CHANNEL_PROTOCOLS = ['v5.channel.k8s.io', 'v4.channel.k8s.io'] as const;

const CHANNEL = { stdin: 0, stdout: 1, stderr: 2, outcome: 3, resize: 4, close: 255 } as const;
const NORMAL_CLOSURE = 1000;
/** Unsent output held per connection; the process then waits for its reader. */
const UNSENT_BYTES_MAX = 256 * 1024;

export interface ChannelOptions {
  readonly wantsStdout: boolean;
  readonly wantsStderr: boolean;
  /** `kubectl attach` ends without an outcome of its own when the process lives on. */
  readonly name: string;
}

/** Joins the two until either ends. */
export async function joinChannels(
  socket: WebSocket,
  session: Session,
  { wantsStdout, wantsStderr, name }: ChannelOptions,
): Promise<void> {
  const isOpen = (): boolean => socket.readyState === socket.OPEN;
  socket.on('message', (message: Buffer, isBinary: boolean) => {
    if (isBinary) take(socket, session, message);
  });
  socket.once('close', () => session.close());
  socket.on('error', () => session.close());
  await Promise.all([
    pump(socket, session.stdout, wantsStdout ? CHANNEL.stdout : undefined),
    session.stderr && pump(socket, session.stderr, wantsStderr ? CHANNEL.stderr : undefined),
  ]);
  const outcome = outcomeOf(name, await session.exitCode);
  if (!isOpen()) return;
  await send(socket, CHANNEL.outcome, Buffer.from(JSON.stringify(outcome)));
  socket.close(NORMAL_CLOSURE);
}

function take(socket: WebSocket, session: Session, message: Buffer): void {
  const [channel, second] = message;
  if (channel === CHANNEL.stdin && session.stdin) {
    const hasRoom = session.stdin.write(message.subarray(1));
    if (hasRoom) return;
    socket.pause();
    session.stdin.once('drain', () => socket.resume());
  } else if (channel === CHANNEL.resize) {
    resizeBy(session, message.subarray(1));
  } else if (channel === CHANNEL.close && second === CHANNEL.stdin) {
    session.stdin?.end();
  }
}

/** The body is JSON: `{"Width": 80, "Height": 24}`. */
export function resizeBy(session: Session, body: Buffer): void {
  let size: { Width?: unknown; Height?: unknown };
  try {
    size = JSON.parse(body.toString('utf8'));
  } catch {
    return; // A size that cannot be read changes nothing.
  }
  const { Width: width, Height: height } = size ?? {};
  if (typeof width !== 'number' || typeof height !== 'number') return;
  session.resize(width, height).catch(() => {}); // The process may have ended meanwhile.
}

async function pump(socket: WebSocket, from: Readable, channel: number | undefined): Promise<void> {
  for await (const chunk of from) {
    if (channel === undefined) continue;
    if (socket.readyState !== socket.OPEN) return;
    await send(socket, channel, chunk as Buffer);
  }
}

async function send(socket: WebSocket, channel: number, body: Buffer): Promise<void> {
  const message = Buffer.allocUnsafe(body.length + 1);
  message[0] = channel;
  body.copy(message, 1);
  if (socket.bufferedAmount < UNSENT_BYTES_MAX) {
    socket.send(message, () => {});
    return;
  }
  const sent = new Promise((resolve) => socket.send(message, resolve));
  await Promise.race([sent, once(socket, 'close')]);
}

/** A metav1.Status: how kubectl learns the exit code. */
export function outcomeOf(name: string, code: number): object {
  if (code === 0) return { metadata: {}, status: 'Success' };
  return {
    metadata: {},
    status: 'Failure',
    message: `command terminated with non-zero exit code: ${name}, exit code ${code}`,
    reason: 'NonZeroExitCode',
    details: { causes: [{ reason: 'ExitCode', message: String(code) }] },
  };
}
