// The only door to chance. Everything that draws takes a Random.

import { randomBytes, randomUUID } from 'node:crypto';

export interface Random {
  /** Uniform in [0, 1). */
  fraction(): number;
  uuid(): string;
}

export const systemRandom: Random = {
  fraction: () => randomBytes(4).readUInt32LE() / 2 ** 32,
  uuid: () => randomUUID(),
};

/** No vowels and no look-alikes: names made of these spell nothing and are easy to read out. */
const SUFFIX_ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';

/** The random tail of generated names, such as `x7k2p`. */
export function suffix(random: Random, length = 5): string {
  let text = '';
  for (let i = 0; i < length; i++) {
    text += SUFFIX_ALPHABET[Math.floor(random.fraction() * SUFFIX_ALPHABET.length)];
  }
  return text;
}
