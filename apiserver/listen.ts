// The two listeners, HTTPS and gRPC: TLS, limits on connections, and a clean end.

import { once } from 'node:events';
import { ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { Server, ServerCredentials, type UntypedServiceImplementation } from '@grpc/grpc-js';
import { splitAddress } from '../machinery/address.ts';
import type { Clock } from '../machinery/clock.ts';
import { API_SERVICE, MESSAGE_BYTES_MAX } from '../proto/rpc.ts';
import { BODY_BYTES_MAX } from './http/body.ts';
import type { Handle } from './server.ts';

export interface ServerTls {
  /** PEM texts. `ca` vouches for clients. */
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
}

export interface Listener {
  /** `host:port`, with the port that was chosen. */
  readonly address: string;
  /** Lets what is under way finish, for a moment. */
  close(): Promise<void>;
}

const CONNECTIONS_MAX = 10_000;
/** Longer than clients keep idle connections: else both ends close at the same time. */
const KEEP_ALIVE_MS = 120_000;
const HEADERS_TIMEOUT_MS = 30_000;
/** A 3 MB body over a slow line. */
const REQUEST_TIMEOUT_MS = 60_000;
/** Bearer tokens are long. */
const HEADER_BYTES_MAX = 64 * 1024;
/** Requests are short; what is not done by then is a stream. */
const GRACE_MS = 2000;
const SWEEP_MS = 20;

export async function listenHttps(
  address: string,
  tls: ServerTls,
  { handle, clock }: { readonly handle: Handle; readonly clock: Clock },
): Promise<Listener> {
  const server = createServer({
    ca: tls.ca,
    cert: tls.certificate,
    key: tls.key,
    minVersion: 'TLSv1.2',
    requestCert: true,
    // Health may be asked for without a certificate; authentication looks at what was verified.
    rejectUnauthorized: false,
    maxHeaderSize: HEADER_BYTES_MAX,
    keepAliveTimeout: KEEP_ALIVE_MS,
    headersTimeout: HEADERS_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    noDelay: true,
  });
  server.maxConnections = CONNECTIONS_MAX;
  const upgraded = new Set<Socket>();
  server.on('request', (request, response) => void handle(request, response));
  server.on('upgrade', (request, duplex, head) => {
    const socket = duplex as Socket;
    upgraded.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => upgraded.delete(socket));
    // Refusals still are plain HTTP answers.
    const response = new ServerResponse(request);
    response.shouldKeepAlive = false;
    response.assignSocket(socket);
    response.once('finish', () => socket.end());
    void handle(request, response, { socket, head });
  });
  const { host, port } = splitAddress(address);
  server.listen(port, host);
  await once(server, 'listening');
  return {
    address: joined(host, (server.address() as AddressInfo).port),
    async close() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of upgraded) socket.destroy();
      const cancel = clock.after(GRACE_MS, () => server.closeAllConnections());
      let cancelSweep = () => {};
      // A connection that falls idle later, when its watch has ended, is closed then.
      const sweep = () => {
        server.closeIdleConnections();
        cancelSweep = clock.after(SWEEP_MS, sweep);
      };
      sweep();
      await closed;
      cancelSweep();
      cancel();
    },
  };
}

const GRPC_OPTIONS = {
  'grpc.max_receive_message_length': BODY_BYTES_MAX + 64 * 1024,
  'grpc.max_send_message_length': MESSAGE_BYTES_MAX,
  'grpc.max_concurrent_streams': 10_000,
  'grpc-node.flow_control_window': 1024 * 1024,
  'grpc.keepalive_time_ms': 60_000,
  'grpc.keepalive_timeout_ms': 20_000,
  // Books about every call that nobody reads.
  'grpc.enable_channelz': 0,
};

export async function listenGrpc(
  address: string,
  tls: ServerTls,
  { service, clock }: { readonly service: UntypedServiceImplementation; readonly clock: Clock },
): Promise<Listener> {
  const server = new Server(GRPC_OPTIONS);
  server.addService(API_SERVICE as never, service);
  const pair = { private_key: Buffer.from(tls.key), cert_chain: Buffer.from(tls.certificate) };
  const secure = ServerCredentials.createSsl(Buffer.from(tls.ca), [pair], true);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(address, secure, (error, bound) => (error ? reject(error) : resolve(bound)));
  });
  return {
    address: joined(splitAddress(address).host, port),
    close: () =>
      new Promise((resolve) => {
        const cancel = clock.after(GRACE_MS, () => server.forceShutdown());
        server.tryShutdown(() => {
          cancel();
          server.forceShutdown();
          resolve();
        });
      }),
  };
}

const joined = (host: string, port: number): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
