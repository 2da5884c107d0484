// Ranges of IPv4 addresses, such as `10.244.0.0/16`.

export interface Cidr {
  readonly address: number;
  readonly mask: number;
}

/** undefined for anything else: ranges are written into rules as text. */
export function parseCidr(text: string): Cidr | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/.exec(text);
  if (match === null) return undefined;
  const [bits = 33, ...bytes] = match.slice(1).map(Number).toReversed();
  if (bits > 32 || bytes.some((byte) => byte > 255)) return undefined;
  const mask = bits === 0 ? 0 : (0xffffffff << (32 - bits)) >>> 0;
  const address = bytes.reduceRight((sum, byte) => sum * 256 + byte, 0);
  return { address: (address & mask) >>> 0, mask };
}

/** False when either text is none. */
export function contains(range: string, ip: string): boolean {
  const [outer, inner] = [parseCidr(range), parseCidr(`${ip}/32`)];
  if (outer === undefined || inner === undefined) return false;
  return (inner.address & outer.mask) >>> 0 === outer.address;
}
