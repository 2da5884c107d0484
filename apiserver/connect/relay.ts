// Passing a request on to another server, byte for byte: answers as a stream, upgrades (WebSocket,
// SPDY) as one raw connection in each direction.

import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest, type RequestOptions } from 'node:https';
import type { Socket } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { checkServerIdentity } from 'node:tls';
import { badRequest, StatusError } from '../../machinery/errors.ts';
import type { Reason } from '../../proto/status.ts';
import type { Exchange } from '../http/exchange.ts';

export interface TlsClient {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

export interface Destination {
  readonly host: string;
  readonly port: number;
  readonly path: string;
  /** Absent: plain HTTP. */
  readonly tls?: Partial<TlsClient> & {
    /** A name that the certificate may carry instead of the host. */
    readonly serverName?: string;
    /** False where nothing is known that could vouch for the other end: pods behind a proxy. */
    readonly rejectUnauthorized?: boolean;
  };
  /** All of the client's own headers go along (but its credentials); else only what streams need. */
  readonly passHeaders?: boolean;
}

const CONNECT_TIMEOUT_MS = 10_000;
/** Of an error's text: enough to say what is wrong. */
const ERROR_BYTES_MAX = 8 * 1024;

const STREAM_HEADERS = /^(upgrade|connection|sec-websocket-.*|x-stream-protocol-version|accept)$/;
const PRIVATE_HEADERS = /^(authorization|cookie|host|impersonate-.*)$/;

/** Settles when the relayed stream has ended. */
export async function relay(exchange: Exchange, destination: Destination): Promise<void> {
  const { request, response, upgrade } = exchange;
  const outgoing = open(request, destination, upgrade !== undefined);
  response.once('close', () => outgoing.destroy());
  if (upgrade === undefined) request.pipe(outgoing);
  else outgoing.end();
  const answer = await answerOf(outgoing, destination.passHeaders === true);
  if (answer.type === 'upgrade') {
    if (upgrade === undefined) throw badRequest('unexpected upgrade');
    return join({ ...answer, client: upgrade.socket, clientHead: upgrade.head });
  }
  await passOn(exchange, answer.response, destination.passHeaders === true);
}

function open(request: IncomingMessage, destination: Destination, isUpgrade: boolean) {
  const { host, port, path, tls, passHeaders } = destination;
  const options: RequestOptions = {
    host,
    port,
    path,
    method: request.method,
    headers: headersOf(request, { host, port, all: passHeaders === true, isUpgrade }),
    agent: false,
    timeout: CONNECT_TIMEOUT_MS,
    ...(tls && tlsOptions(host, tls)),
  };
  const outgoing = tls === undefined ? httpRequest(options) : httpsRequest(options);
  outgoing.once('timeout', () => outgoing.destroy(new Error(`no answer from ${host}:${port}`)));
  return outgoing;
}

function tlsOptions(host: string, tls: NonNullable<Destination['tls']>): RequestOptions {
  const { serverName, ...material } = tls;
  return {
    ...material,
    minVersion: 'TLSv1.2',
    // The node's address or its name: either proves that it is the one we mean.
    checkServerIdentity: (_name, certificate) => {
      const problem = checkServerIdentity(host, certificate);
      if (problem === undefined || serverName === undefined) return problem;
      return checkServerIdentity(serverName, certificate);
    },
  };
}

function headersOf(
  request: IncomingMessage,
  to: {
    readonly host: string;
    readonly port: number;
    readonly all: boolean;
    readonly isUpgrade: boolean;
  },
): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = { host: `${to.host}:${to.port}` };
  for (const [name, value] of Object.entries(request.headers)) {
    const isWanted = to.all ? !PRIVATE_HEADERS.test(name) : STREAM_HEADERS.test(name);
    const isHop = name === 'connection' || name === 'upgrade';
    if (value !== undefined && isWanted && (to.isUpgrade || !isHop)) headers[name] = value;
  }
  return headers;
}

type Answer =
  | { readonly type: 'response'; readonly response: IncomingMessage }
  | {
      readonly type: 'upgrade';
      readonly response: IncomingMessage;
      readonly server: Socket;
      readonly serverHead: Buffer;
    };

const answerOf = (outgoing: ReturnType<typeof httpRequest>, isProxied: boolean): Promise<Answer> =>
  new Promise((resolve, reject) => {
    outgoing.once('response', (response) => {
      outgoing.setTimeout(0);
      resolve({ type: 'response', response });
    });
    outgoing.once('upgrade', (response, server, serverHead) => {
      server.setTimeout(0);
      resolve({ type: 'upgrade', response, server, serverHead });
    });
    outgoing.on('error', (error) => {
      // A service that does not answer is a fault of its own, a kubelet that does not is ours.
      const what = isProxied ? 'error trying to reach service' : 'error dialing backend';
      const reason = isProxied ? 'ServiceUnavailable' : 'InternalError';
      reject(new StatusError(reason, `${what}: ${error.message}`, { cause: error }));
    });
  });

async function join(ends: {
  readonly response: IncomingMessage;
  readonly server: Socket;
  readonly serverHead: Buffer;
  readonly client: Socket;
  readonly clientHead: Buffer;
}): Promise<void> {
  const { response, server, serverHead, client, clientHead } = ends;
  client.write(headOf(response));
  client.write(serverHead);
  server.write(clientHead);
  await Promise.all([flow(client, server), flow(server, client)]);
}

/** From one end to the other; when the one is gone, the other still gets what was on its way. */
function flow(from: Socket, to: Socket): Promise<void> {
  from.pipe(to);
  // Either end may vanish at any time, and that is all there is to it.
  from.on('error', () => {});
  return new Promise((resolve) => {
    from.once('close', () => {
      to.destroySoon();
      resolve();
    });
  });
}

function headOf({ statusCode, statusMessage, rawHeaders }: IncomingMessage): string {
  const lines = [`HTTP/1.1 ${statusCode} ${statusMessage}`];
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    lines.push(`${rawHeaders[at]}: ${rawHeaders[at + 1]}`);
  }
  return `${lines.join('\r\n')}\r\n\r\n`;
}

async function passOn(
  { response }: Exchange,
  answer: IncomingMessage,
  isProxied: boolean,
): Promise<void> {
  const code = answer.statusCode ?? 502;
  if (!isProxied && code >= 400) throw await refusalOf(answer, code);
  const { connection: _, 'transfer-encoding': __, ...headers } = answer.headers;
  response.writeHead(code, headers);
  response.flushHeaders();
  // The client went away, or the backend did: a broken answer is all that can be told.
  await pipeline(answer, response).catch(() => response.destroy());
}

async function refusalOf(answer: IncomingMessage, code: number): Promise<StatusError> {
  let text = '';
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    text += chunk.toString('utf8');
    if (text.length > ERROR_BYTES_MAX) break;
  }
  const reasons: Readonly<Record<number, Reason>> = { 400: 'BadRequest', 404: 'NotFound' };
  return new StatusError(reasons[code] ?? 'InternalError', text.trim() || `backend said ${code}`);
}
