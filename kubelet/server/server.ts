// The kubelet's HTTPS server: logs, exec, attach, port-forward, for the apiserver alone.
//
//   TLS with a client certificate of the cluster's CA ─► may it? ─► target ─► its handler

import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { type Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { refuse, type ServerParts, targetFor } from './access.ts';
import { findPod, Refusal, runToRead, type ServedNode } from './find.ts';
import { logRequestOf, type Target } from './request.ts';
import { summaryOf } from './stats.ts';
import { upgrade } from './upgrade.ts';

const CONNECTIONS_MAX = 512; // Each may be a stream that lasts; a node has no need of more.

export interface ServerOptions extends ServerParts {
  readonly host: string;
  /** 0 chooses a free one. */
  readonly port: number;
  readonly tls: { readonly ca: string; readonly cert: string; readonly key: string };
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
