// The only door to chance. Everything that draws takes a Random.

import { randomFillSync, randomUUID } from 'node:crypto';

export interface Random {
  /** Uniform in [0, 1). */
  fraction(): number;
  uuid(): string;
}

/** Drawn in one go: a call for four bytes each time costs as much as validating a container. */
const pool = new Uint32Array(1024);
let drawn = pool.length;

export const systemRandom: Random = {
  fraction() {
    if (drawn === pool.length) {
      randomFillSync(pool);
      drawn = 0;
    }
    return pool[drawn++]! / 2 ** 32;
  },
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
