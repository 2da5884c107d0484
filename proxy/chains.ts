// The names of our chains. All carry the cluster's prefix, so that several clusters live side by
// side on one machine and each finds and removes its own. iptables allows 28 characters.
//
//   PREFIX-SERVICES, PREFIX-NODEPORTS ...   one each
//   PREFIX-SVC-HASH   a service port: chooses an endpoint     PREFIX-EXT-HASH   from outside
//   PREFIX-SEP-HASH   an endpoint: translates                 PREFIX-SVL-HASH   local endpoints

import { createHash } from 'node:crypto';

const PREFIX = /^[A-Za-z0-9]{1,7}$/;
const HASH_LENGTH = 16;
/** Each sync asks for every name again; beyond this many they are worked out anew. */
const HASHES_MAX = 100_000;

export interface Chains {
  readonly services: string;
  readonly nodePorts: string;
  readonly postrouting: string;
  readonly masquerade: string;
  readonly input: string;
  readonly output: string;
  readonly forward: string;
  readonly reject: string;
  of(kind: 'SVC' | 'SVL' | 'SEP' | 'EXT', name: string): string;
  isOurs(chain: string): boolean;
}

/** Throws on a prefix that would not fit or not be safe in a rule. */
export function chainsOf(prefix: string): Chains {
  if (!PREFIX.test(prefix)) {
    throw new RangeError(`want 1 to 7 letters or digits as chain prefix, got "${prefix}"`);
  }
  const named = (name: string) => `${prefix}-${name}`;
  const hashes = new Map<string, string>();
  return {
    services: named('SERVICES'),
    nodePorts: named('NODEPORTS'),
    postrouting: named('POSTROUTING'),
    masquerade: named('MASQUERADE'),
    input: named('INPUT'),
    output: named('OUTPUT'),
    forward: named('FORWARD'),
    reject: named('REJECT'),
    of(kind, name) {
      const known = hashes.get(name);
      if (known !== undefined) return named(`${kind}-${known}`);
      if (hashes.size >= HASHES_MAX) hashes.clear();
      const hash = hashOf(name);
      hashes.set(name, hash);
      return named(`${kind}-${hash}`);
    },
    isOurs: (chain) => chain.startsWith(`${prefix}-`),
  };
}

/** Base32 of SHA-256: only letters and digits that iptables takes. */
function hashOf(name: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
  const bytes = createHash('sha256').update(name).digest();
  let text = '';
  for (let i = 0; i < HASH_LENGTH; i++) text += alphabet[bytes[i]! & 31];
  return text;
}
