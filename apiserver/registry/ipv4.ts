// IPv4 addresses and ranges as numbers.

export function parseIpv4(text: string): number | undefined {
  const parts = text.split('.');
  if (parts.length !== 4) return undefined;
  let address = 0;
  for (const part of parts) {
    if (!/^(?:0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return undefined;
    address = address * 256 + Number(part);
  }
  return address;
}

export const formatIpv4 = (address: number): string =>
  [24, 16, 8, 0].map((bits) => Math.floor(address / 2 ** bits) % 256).join('.');

export interface Ipv4Range {
  readonly text: string;
  /** The network address itself. */
  readonly base: number;
  /** The last address, the broadcast one included. */
  readonly last: number;
}

/** Throws for what is no range with room for services (at most /30). */
export function parseIpv4Range(text: string): Ipv4Range {
  const [address = '', bits = ''] = text.split('/');
  const first = parseIpv4(address);
  const prefix = /^\d{1,2}$/.test(bits) ? Number(bits) : -1;
  if (first === undefined || prefix < 8 || prefix > 30) {
    throw new Error(`"${text}" is not an IPv4 range between /8 and /30`);
  }
  const size = 2 ** (32 - prefix);
  const base = Math.floor(first / size) * size;
  return { text, base, last: base + size - 1 };
}
