// Requests that become streams in both directions: exec, attach and port-forward, over WebSocket
// or SPDY.

import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import type { Session } from '../runtime/runtime.ts';
import { refuse, type ServerParts, targetFor } from './access.ts';
import { CHANNEL_PROTOCOLS, joinChannels } from './channels.ts';
import { findPod, Refusal, runToEnter } from './find.ts';
import { forwardPorts, PORT_FORWARD_PROTOCOL, TUNNEL_PROTOCOLS } from './port-forward.ts';
import { isTrue, type Target } from './request.ts';
import { loadDictionary } from './spdy.ts';
import { execOverSpdy, SPDY_CHANNEL_PROTOCOL, streamsFor } from './spdy-exec.ts';

const MESSAGE_BYTES_MAX = 1024 * 1024;

interface Connection {
  readonly socket: Duplex;
  readonly head: Buffer;
}

export async function upgrade(
  options: ServerParts,
  request: IncomingMessage,
  connection: Connection,
): Promise<void> {
  connection.socket.on('error', () => connection.socket.destroy());
  try {
    const { target, query } = targetFor(request);
    if (target.type === 'portForward') await portForward(options, { request, target }, connection);
    else if (target.type === 'exec' || target.type === 'attach') {
      await enter(options, { request, target, query }, connection);
    } else throw new Refusal(400, 'nothing to upgrade to');
  } catch (error) {
    refuse(options, error, (code, message) => {
      const body = `${message}\n`;
      const head = `HTTP/1.1 ${code} Refused\r\nContent-Type: text/plain\r\nConnection: close`;
      connection.socket.end(`${head}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
    });
  }
}

async function portForward(
  options: ServerParts,
  {
    request,
    target,
  }: {
    readonly request: IncomingMessage;
    readonly target: Extract<Target, { type: 'portForward' }>;
  },
  connection: Connection,
): Promise<void> {
  const { record, node } = findPod(options.nodes(), target.namespace, target.pod);
  const sandbox = [...record.sandboxes.values()].find(({ isRunning }) => isRunning);
  if (!sandbox) throw new Refusal(400, `pod ${target.pod} is not running`);
  const host = record.pod?.spec.hostNetwork ? node.runtime.nodeIp : sandbox.ip;
  if (isSpdy(request)) {
    return forwardPorts(acceptSpdy(connection, PORT_FORWARD_PROTOCOL), host);
  }
  const { createWebSocketStream } = await import('ws');
  const socket = await acceptWebSocket(request, connection, TUNNEL_PROTOCOLS);
  const stream = createWebSocketStream(socket);
  stream.on('error', () => socket.terminate());
  await forwardPorts(stream, host).catch(() => socket.terminate());
}

function acceptSpdy({ socket, head }: Connection, protocol: string): Duplex {
  const lines = ['HTTP/1.1 101 Switching Protocols', 'Connection: Upgrade', 'Upgrade: SPDY/3.1'];
  socket.write(`${[...lines, `X-Stream-Protocol-Version: ${protocol}`].join('\r\n')}\r\n\r\n`);
  if (head.length > 0) socket.unshift(head);
  return socket;
}

async function acceptWebSocket(
  request: IncomingMessage,
  { socket, head }: Connection,
  protocols: readonly string[],
): Promise<WebSocket> {
  const { WebSocketServer } = await import('ws');
  const server = new WebSocketServer({
    noServer: true,
    maxPayload: MESSAGE_BYTES_MAX,
    perMessageDeflate: false,
    handleProtocols: (offered) => protocols.find((protocol) => offered.has(protocol)) ?? false,
  });
  return new Promise((resolve) => server.handleUpgrade(request, socket, head, resolve));
}

async function enter(
  options: ServerParts,
  {
    request,
    target,
    query,
  }: {
    readonly request: IncomingMessage;
    readonly target: Extract<Target, { container: string }>;
    readonly query: URLSearchParams;
  },
  connection: Connection,
): Promise<void> {
  const found = findPod(options.nodes(), target.namespace, target.pod);
  const run = runToEnter(found, target.container);
  const { runtime } = found.node;
  const command = query.getAll('command');
  if (target.type === 'exec' && command.length === 0) {
    throw new Refusal(400, 'you must specify at least 1 command for the container');
  }
  const [stdin, stdout, stderr] = ['stdin', 'stdout', 'stderr'].map((name) =>
    isTrue(query.get(name)),
  ) as [boolean, boolean, boolean];
  const tty = target.type === 'attach' ? run.isTty : isTrue(query.get('tty'));
  const name = command.length > 0 ? `error executing command [${command.join(' ')}]` : 'attach';
  const open = (): Promise<Session> =>
    target.type === 'exec'
      ? runtime.exec(run.id, { command, stdin, tty })
      : runtime.attach(run.id, { stdin, tty }).then(withoutOutcome);
  if (isSpdy(request)) {
    const socket = acceptSpdy(connection, SPDY_CHANNEL_PROTOCOL);
    const expected = streamsFor({ stdin, stdout, stderr, tty: isTrue(query.get('tty')) });
    const { clock } = options;
    return execOverSpdy(socket, await loadDictionary(), { name, expected, clock, open });
  }
  const offered = String(request.headers['sec-websocket-protocol'] ?? '').split(/,\s*/);
  if (!CHANNEL_PROTOCOLS.some((protocol) => offered.includes(protocol))) {
    throw new Refusal(400, `want a WebSocket with one of ${CHANNEL_PROTOCOLS.join(', ')}`);
  }
  // The process first: what is wrong with it can then still be told by a status.
  const session = await open();
  const socket = await acceptWebSocket(request, connection, CHANNEL_PROTOCOLS);
  const wanted = { wantsStdout: stdout, wantsStderr: stderr, name };
  await joinChannels(socket, session, wanted).catch((error) => {
    options.log.warn('a session broke', { error });
    socket.terminate();
  });
}

/** How a container ends is told by its pod's status: to whom listened, it only fell silent. */
const withoutOutcome = (session: Session): Session => ({
  ...session,
  exitCode: session.exitCode.then(() => 0),
});

const isSpdy = ({ headers }: IncomingMessage): boolean =>
  headers.upgrade?.toLowerCase() === 'spdy/3.1';
