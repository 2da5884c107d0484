// The kubelet's HTTPS server: logs, exec, attach, port-forward, for the apiserver alone.
//
//   TLS with a client certificate of the cluster's CA ─► may it? ─► target ─► its handler

import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { type Duplex, type Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { TLSSocket } from 'node:tls';
import type { WebSocket } from 'ws';
import type { Clock } from '../../machinery/clock.ts';
import type { Log } from '../../machinery/log.ts';
import { CHANNEL_PROTOCOLS, joinChannels } from './channels.ts';
import { findPod, Refusal, runToEnter, runToRead, type ServedNode } from './find.ts';
import { forwardPorts, PORT_FORWARD_PROTOCOL, TUNNEL_PROTOCOLS } from './port-forward.ts';
import { isTrue, logRequestOf, type Target, targetOf } from './request.ts';
import { summaryOf } from './stats.ts';

const CLIENT_NAME = 'kube-apiserver-kubelet-client';
const CLIENT_GROUP = 'system:masters';
const CONNECTIONS_MAX = 512; // Each may be a stream that lasts; a node has no need of more.
const MESSAGE_BYTES_MAX = 1024 * 1024;

export interface ServerOptions {
  readonly host: string;
  /** 0 chooses a free one. */
  readonly port: number;
  readonly tls: { readonly ca: string; readonly cert: string; readonly key: string };
  readonly nodes: () => readonly ServedNode[];
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** Resolves to the port once it listens; closes when aborted. */
export async function startServer(options: ServerOptions): Promise<number> {
  const { host, port, tls, signal } = options;
  const server = createServer(
    { ...tls, requestCert: true, rejectUnauthorized: true, minVersion: 'TLSv1.2' },
    (request, response) => void answer(options, request, response),
  );
  server.maxConnections = CONNECTIONS_MAX;
  server.on('upgrade', (request, socket, head) => void upgrade(options, request, { socket, head }));
  const listening = once(server, 'listening');
  server.listen(port, host);
  await listening;
  const close = (): void => {
    server.close();
    server.closeAllConnections();
  };
  if (signal.aborted) close();
  else signal.addEventListener('abort', close, { once: true });
  return (server.address() as AddressInfo).port;
}

/** The certificate is the CA's, or TLS would have ended already; is it the right one? */
export function mayAsk({ CN, O }: { readonly CN?: unknown; readonly O?: unknown }): boolean {
  const groups = Array.isArray(O) ? O : [O];
  return CN === CLIENT_NAME && groups.includes(CLIENT_GROUP);
}

function targetFor(request: IncomingMessage): { target: Target; query: URLSearchParams } {
  if (!mayAsk((request.socket as TLSSocket).getPeerCertificate().subject ?? {})) {
    throw new Refusal(403, 'Forbidden');
  }
  const { pathname, searchParams } = new URL(request.url ?? '/', 'https://kubelet');
  const target = targetOf(pathname);
  if (!target) throw new Refusal(404, 'no such path');
  return { target, query: searchParams };
}

async function answer(
  options: ServerOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    const { target, query } = targetFor(request);
    if (request.method !== 'GET') throw new Refusal(405, 'GET, or an upgrade');
    await serve(options, { target, query }, response);
  } catch (error) {
    refuse(options, error, (code, message) => {
      if (response.headersSent) response.destroy();
      else response.writeHead(code, { 'content-type': 'text/plain' }).end(`${message}\n`);
    });
  }
}

function refuse(
  { log }: ServerOptions,
  error: unknown,
  tell: (code: number, message: string) => void,
): void {
  if (error instanceof Refusal) {
    tell(error.code, error.message);
    return;
  }
  log.warn('a request could not be answered', { error });
  tell(500, error instanceof Error ? error.message : 'internal error');
}

async function serve(
  options: ServerOptions,
  { target, query }: { readonly target: Target; readonly query: URLSearchParams },
  response: ServerResponse,
): Promise<void> {
  switch (target.type) {
    case 'healthz':
      response.end('ok');
      return;
    case 'pods':
      return sendJson(response, podListOf(options.nodes()));
    case 'stats':
      return sendJson(response, await summaryOf(options.nodes(), options.clock));
    case 'logs':
      return sendLogs(options, { target, query }, response);
    default:
      throw new Refusal(400, 'Upgrade request required');
  }
}

function sendJson(response: ServerResponse, value: unknown): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}

const podListOf = (nodes: readonly ServedNode[]): object => ({
  kind: 'PodList',
  apiVersion: 'v1',
  metadata: {},
  items: nodes
    .flatMap(({ records }) => [...records.all()])
    .flatMap(({ pod }) => (pod ? [pod] : [])),
});

async function sendLogs(
  options: ServerOptions,
  {
    target,
    query,
  }: { readonly target: Extract<Target, { container: string }>; readonly query: URLSearchParams },
  response: ServerResponse,
): Promise<void> {
  const wanted = logRequestOf(query, options.clock.now());
  if (!wanted) throw new Refusal(400, 'invalid log options');
  const found = findPod(options.nodes(), target.namespace, target.pod);
  const run = runToRead(found, target.container, wanted.isPrevious);
  const stop = new AbortController();
  response.once('close', () => stop.abort());
  const lines = await found.node.runtime.logs(run.id, wanted.options, stop.signal);
  response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8' });
  response.flushHeaders(); // Somebody who follows wants to know that it works.
  const parts: [Readable, ...Transform[]] = [lines];
  if (Number.isFinite(wanted.bytesMax)) parts.push(firstBytes(wanted.bytesMax, stop));
  await pipeline([...parts, response]).catch(() => response.destroy());
}

function firstBytes(bytesMax: number, stop: AbortController): Transform {
  let left = bytesMax;
  return new Transform({
    transform(chunk: Buffer, _, done) {
      const part = chunk.subarray(0, left);
      left -= part.length;
      this.push(part);
      if (left <= 0) {
        this.push(null);
        stop.abort();
      }
      done();
    },
  });
}

interface Connection {
  readonly socket: Duplex;
  readonly head: Buffer;
}

async function upgrade(
  options: ServerOptions,
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
  options: ServerOptions,
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
  const host = sandbox.ip || node.runtime.nodeIp;
  if (request.headers.upgrade?.toLowerCase() === 'spdy/3.1') {
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
  options: ServerOptions,
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
  const offered = String(request.headers['sec-websocket-protocol'] ?? '').split(/,\s*/);
  if (!CHANNEL_PROTOCOLS.some((protocol) => offered.includes(protocol))) {
    throw new Refusal(400, `want a WebSocket with one of ${CHANNEL_PROTOCOLS.join(', ')}`);
  }
  const found = findPod(options.nodes(), target.namespace, target.pod);
  const run = runToEnter(found, target.container);
  const { runtime } = found.node;
  const command = query.getAll('command');
  if (target.type === 'exec' && command.length === 0) {
    throw new Refusal(400, 'you must specify at least 1 command for the container');
  }
  const stdin = isTrue(query.get('stdin'));
  const tty = target.type === 'attach' ? run.isTty : isTrue(query.get('tty'));
  // The process first: what is wrong with it can then still be told by a status.
  const session =
    target.type === 'exec'
      ? await runtime.exec(run.id, { command, stdin, tty })
      : await runtime.attach(run.id, { stdin, tty });
  const socket = await acceptWebSocket(request, connection, CHANNEL_PROTOCOLS);
  await joinChannels(socket, session, {
    wantsStdout: isTrue(query.get('stdout')),
    wantsStderr: isTrue(query.get('stderr')),
    name: command.length > 0 ? `error executing command [${command.join(' ')}]` : 'attach',
  }).catch((error) => {
    options.log.warn('a session broke', { error });
    socket.terminate();
  });
}
