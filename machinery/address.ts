// Where something listens: `host:port`.

import { UsageError } from './flags.ts';

/** `host:port`, `[::1]:port` or `:port` (loopback). */
export function splitAddress(address: string): { readonly host: string; readonly port: number } {
  const colon = address.lastIndexOf(':');
  const host = address.slice(0, Math.max(colon, 0)).replace(/^\[|\]$/g, '');
  const port = Number(address.slice(colon + 1));
  if (colon < 0 || !Number.isInteger(port) || port < 0 || port > 65535) {
    throw new UsageError(`want host:port, got "${address}"`);
  }
  return { host: host === '' ? '127.0.0.1' : host, port };
}
