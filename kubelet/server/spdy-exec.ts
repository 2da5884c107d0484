// exec and attach over SPDY, as clients did before WebSocket: each channel is a stream of its own,
// named by its header `streamtype`. Source: Kubernetes' remote command protocol v4.

import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Clock } from '../../machinery/clock.ts';
import type { Session } from '../runtime/runtime.ts';
import { outcomeOf, resizeBy } from './channels.ts';
import { SpdySession, type SpdyStream } from './spdy.ts';

export const SPDY_CHANNEL_PROTOCOL = 'v4.channel.k8s.io';
/** For the client to open the streams that it announced. */
const STREAMS_MS_MAX = 30_000;

export interface SpdyExec {
  readonly name: string;
  readonly expected: readonly string[];
  readonly clock: Clock;
  open(): Promise<Session>;
}

export async function execOverSpdy(
  socket: Duplex,
  dictionary: Buffer,
  { name, expected, clock, open }: SpdyExec,
): Promise<void> {
  const connection = new SpdySession(socket, dictionary);
  const streams = new Map<string, SpdyStream>();
  const cancel = clock.after(STREAMS_MS_MAX, () => connection.close());
  let session: Session | undefined;
  await connection
    .run((stream) => {
      streams.set(stream.headers.get('streamtype') ?? '', stream);
      if (session || !expected.every((type) => streams.has(type))) return;
      cancel();
      void start();
    })
    .finally(cancel);
  session?.close();

  async function start(): Promise<void> {
    const error = streams.get('error');
    try {
      session = await open();
      const outcome = outcomeOf(name, await join(session, streams));
      error?.end(JSON.stringify(outcome));
    } catch (failure) {
      const message = failure instanceof Error ? failure.message : String(failure);
      const status = {
        metadata: {},
        status: 'Failure',
        message,
        reason: 'InternalError',
        code: 500,
      };
      error?.end(JSON.stringify(status));
    }
    for (const stream of streams.values()) if (stream !== error) stream.end();
    connection.close();
  }
}

async function join(session: Session, streams: ReadonlyMap<string, SpdyStream>): Promise<number> {
  const stdin = streams.get('stdin');
  const [stdout, stderr] = [streams.get('stdout'), streams.get('stderr')];
  if (stdin && session.stdin) pipeline(stdin, session.stdin).catch(() => {}); // Ends as it likes.
  streams.get('resize')?.on('data', (chunk: Buffer) => resizeBy(session, chunk));
  if (stdout) session.stdout.pipe(stdout);
  else session.stdout.resume();
  if (stderr && session.stderr) session.stderr.pipe(stderr);
  else session.stderr?.resume();
  return session.exitCode;
}

/** Which streams a client opens for what it asks. */
export const streamsFor = (asked: {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly tty: boolean;
}): readonly string[] => [
  'error',
  ...(asked.stdin ? ['stdin'] : []),
  ...(asked.stdout ? ['stdout'] : []),
  ...(asked.stderr && !asked.tty ? ['stderr'] : []),
  ...(asked.tty ? ['resize'] : []),
];
