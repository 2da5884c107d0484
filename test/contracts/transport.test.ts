// The three ways to the registry, each against a real API server.

import { createGrpcTransport } from '../../client/grpc-transport.ts';
import { createRestTransport } from '../../client/rest-transport.ts';
import { startEmbeddedApiServer } from '../embedded-apiserver.ts';
import { transportContract } from './transport.ts';

transportContract('in-process', async () => {
  const { server, close } = await startEmbeddedApiServer();
  return { transport: server.transport, close };
});

transportContract('grpc', async () => {
  const { server, ca, admin, close } = await startEmbeddedApiServer();
  const transport = createGrpcTransport({ address: server.grpcAddress, ca, ...admin });
  return {
    transport,
    async close() {
      transport.close();
      await close();
    },
  };
});

transportContract('rest', async () => {
  const { server, ca, admin, close } = await startEmbeddedApiServer();
  const transport = createRestTransport({ server: server.httpsUrl, ca, ...admin });
  return {
    transport,
    async close() {
      transport.close();
      await close();
    },
  };
});
