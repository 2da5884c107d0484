// Small questions to the machine's network.

import { createServer } from 'node:net';

/** Whether a TCP port can be listened on, on all addresses. */
export const isPortFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer()
      .once('error', () => resolve(false))
      .once('listening', () => server.close(() => resolve(true)))
      .listen({ port, host: '0.0.0.0', exclusive: true });
  });
