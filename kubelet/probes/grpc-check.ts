// The standard gRPC health check: one unary call, whose messages are a string and an enum.

import type { GRPCAction } from '../../proto/generated/core.v1.ts';
import type { ActionAnswer } from '../pods/hooks.ts';

const CHECK = '/grpc.health.v1.Health/Check';
const SERVING = 1;

export async function checkGrpc(
  { port, service = '' }: GRPCAction,
  host: string,
  signal: AbortSignal,
): Promise<ActionAnswer> {
  const { Client, credentials } = await import('@grpc/grpc-js');
  const client = new Client(`${host}:${port}`, credentials.createInsecure());
  try {
    return await new Promise((resolve) => {
      const call = client.makeUnaryRequest<string, number>(
        CHECK,
        requestOf,
        statusOf,
        service,
        (error, status) => {
          if (error) resolve({ isOk: false, output: error.message });
          else if (status === SERVING) resolve({ isOk: true, output: '' });
          else resolve({ isOk: false, output: `service unhealthy (status ${status})` });
        },
      );
      signal.addEventListener('abort', () => call.cancel(), { once: true });
    });
  } finally {
    client.close();
  }
}

/** HealthCheckRequest { string service = 1 } */
function requestOf(service: string): Buffer {
  const text = Buffer.from(service);
  return text.length === 0 ? text : Buffer.concat([Buffer.from([0x0a, text.length]), text]);
}

/** HealthCheckResponse { Status status = 1 } */
const statusOf = (bytes: Buffer): number => (bytes[0] === 0x08 ? (bytes[1] ?? 0) : 0);
