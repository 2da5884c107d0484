// HTTPS requests to one server over kept-alive connections: answers as JSON, refusals as
// StatusError. TLS is always checked; there is no plain HTTP.

import type { IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import { StatusError } from '../machinery/errors.ts';
import type { Reason } from '../proto/status.ts';
import { refusalOf, unavailable } from './wire.ts';

export interface HttpOptions {
  /** `https://host:port`. */
  readonly server: string;
  /** PEM texts. Without `ca` the system's authorities count. */
  readonly ca?: string | Buffer | undefined;
  readonly certificate?: string | Buffer | undefined;
  readonly key?: string | Buffer | undefined;
  /** A bearer token. */
  readonly token?: string | undefined;
  readonly serverName?: string | undefined;
}

export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** With its query. */
  readonly path: string;
  readonly body?: unknown;
  readonly contentType?: string;
  readonly signal?: AbortSignal | undefined;
}

/** Watches hold a connection each; this many requests may be under way beside one another. */
const SOCKETS_MAX = 256;
/** A list of everything fits, an endless answer does not. */
const ANSWER_BYTES_MAX = 512 * 1024 * 1024;
/** TCP keepalive finds a server that vanished under a silent watch. */
const KEEPALIVE_MS = 15_000;

const REASON_OF_CODE: Readonly<Record<number, Reason>> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  405: 'MethodNotAllowed',
  406: 'NotAcceptable',
  409: 'Conflict',
  410: 'Expired',
  413: 'RequestEntityTooLarge',
  415: 'UnsupportedMediaType',
  422: 'Invalid',
  429: 'TooManyRequests',
  503: 'ServiceUnavailable',
  504: 'Timeout',
};

export class HttpConnection {
  readonly #origin: URL;
  readonly #agent: Agent;
  readonly #headers: Readonly<Record<string, string>>;

  constructor({ server, ca, certificate, key, token, serverName }: HttpOptions) {
    this.#origin = new URL(server);
    if (this.#origin.protocol !== 'https:') throw new TypeError(`want https://, got ${server}`);
    this.#agent = new Agent({
      keepAlive: true,
      keepAliveMsecs: KEEPALIVE_MS,
      maxSockets: SOCKETS_MAX,
      ca,
      cert: certificate,
      key,
      ...(serverName !== undefined && { servername: serverName }),
    });
    this.#headers = {
      accept: 'application/json',
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
    };
  }

  /** The answer's JSON. */
  async json(options: HttpRequest): Promise<unknown> {
    try {
      const text = await textOf(await this.open(options));
      return text === '' ? undefined : JSON.parse(text);
    } catch (error) {
      throw this.#failure(error, options.signal);
    }
  }

  /** The answer as a stream, once its status is known to be good. */
  async open(options: HttpRequest): Promise<IncomingMessage> {
    options.signal?.throwIfAborted();
    const response = await this.#send(options).catch((error: unknown) => {
      throw this.#failure(error, options.signal);
    });
    const { statusCode: code = 0 } = response;
    if (code >= 200 && code < 300) return response;
    throw await refusalIn(response, code);
  }

  close(): void {
    this.#agent.destroy();
  }

  #send({ method, path, body, contentType, signal }: HttpRequest): Promise<IncomingMessage> {
    const payload = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
    const headers = {
      ...this.#headers,
      ...(payload !== undefined && {
        'content-type': contentType ?? 'application/json',
        'content-length': payload.length,
      }),
    };
    return new Promise((resolve, reject) => {
      const { hostname, port } = this.#origin;
      const host = hostname.replace(/^\[|\]$/g, '');
      const outgoing = request(
        { host, port: port || 443, path, method, headers, agent: this.#agent, signal },
        resolve,
      );
      outgoing.on('error', reject);
      outgoing.end(payload);
    });
  }

  #failure(error: unknown, signal: AbortSignal | undefined): unknown {
    if (signal?.aborted) return signal.reason;
    if (error instanceof StatusError) return error;
    return unavailable(error instanceof Error ? error.message : String(error), error);
  }
}

async function refusalIn(response: IncomingMessage, code: number): Promise<StatusError> {
  const reason = REASON_OF_CODE[code] ?? 'InternalError';
  const text = await textOf(response).catch(() => '');
  try {
    const status: unknown = JSON.parse(text);
    return refusalOf(status, reason);
  } catch {
    return new StatusError(reason, `the server answered ${code}: ${text.slice(0, 200)}`);
  }
}

async function textOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > ANSWER_BYTES_MAX) throw new RangeError('the answer is too long');
  }
  return Buffer.concat(chunks).toString();
}
