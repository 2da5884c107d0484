// Keeps writes away from a full disk. LMDB survives running out of space, but the process may not
// (a failed page write damages its heap), so writes are refused while some space is left.

import { statfs } from 'node:fs/promises';
import { StoreUnavailableError } from './store.ts';

/** Left alone by writes: what other processes may take between two looks, and compaction needs. */
const RESERVE_BYTES = 32 * 2 ** 20;
/** Compaction may go deeper into it: it is what makes room. */
const COMPACTION_RESERVE_BYTES = 8 * 2 ** 20;
/** Bytes written between two looks at the disk. */
const LOOK_EVERY_BYTES = 8 * 2 ** 20;

export type FreeBytesOf = (folder: string) => Promise<number>;

export const freeBytesOf: FreeBytesOf = async (folder) => {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
};

export class DiskSpace {
  readonly #folder: string;
  readonly #freeBytesOf: FreeBytesOf;
  #allowance = 0;

  constructor(folder: string, look: FreeBytesOf = freeBytesOf) {
    this.#folder = folder;
    this.#freeBytesOf = look;
  }

  /** Rejects with StoreUnavailableError when a write of about so many bytes would fill the disk. */
  async take(bytes: number, reason: 'write' | 'compaction' = 'write'): Promise<void> {
    if (bytes > this.#allowance) await this.#look(bytes, reason);
    this.#allowance -= bytes;
  }

  async #look(bytes: number, reason: 'write' | 'compaction'): Promise<void> {
    const free = await this.#freeBytesOf(this.#folder);
    const reserve = reason === 'write' ? RESERVE_BYTES : COMPACTION_RESERVE_BYTES;
    const usable = free - reserve;
    if (usable < bytes) {
      this.#allowance = 0;
      const freeMb = Math.floor(free / 2 ** 20);
      throw new StoreUnavailableError(
        `the disk is full: ${freeMb} MB are left for ${this.#folder}, and ` +
          `${reserve / 2 ** 20} MB of them are kept in reserve`,
      );
    }
    // What compaction may have of the reserve is no promise to the writes that follow.
    this.#allowance =
      reason === 'write' ? Math.max(bytes, Math.min(usable, LOOK_EVERY_BYTES)) : bytes;
  }
}
