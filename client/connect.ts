// How every component finds the API server: the same four flags, one transport.

import { readFile } from 'node:fs/promises';
import { type Config, text } from '../machinery/flags.ts';
import type { Transport } from '../machinery/transport.ts';
import { createGrpcTransport } from './grpc-transport.ts';

export const CONNECT_FLAGS = {
  server: text('127.0.0.1:6444', 'host:port of the API server for components (gRPC)'),
  'ca-file': text('ca.crt', 'certificate of the authority that the API server is trusted by'),
  'cert-file': text('client.crt', 'client certificate of this component'),
  'key-file': text('client.key', 'key of the client certificate'),
};

/** Rejects when a file cannot be read; the connection itself is made when first used. */
export async function connect(config: Config<typeof CONNECT_FLAGS>): Promise<Transport> {
  const [ca, certificate, key] = await Promise.all([
    readFile(config['ca-file']),
    readFile(config['cert-file']),
    readFile(config['key-file']),
  ]);
  return createGrpcTransport({ address: config.server, ca, certificate, key });
}
