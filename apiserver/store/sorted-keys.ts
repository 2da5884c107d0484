// A sorted set of strings that grows and shrinks cheaply: blocks of a few hundred keys, so that an
// insert moves at most one block. Order is that of UTF-16 code units, which for keys of the API
// (ASCII names) is bytewise order.

/** Blocks above this size split; moving half a thousand pointers costs less than a microsecond. */
const BLOCK_KEYS_MAX = 512;

/** No key has such a character. */
const BEHIND_ALL = '\uffff';

export class SortedKeys {
  #blocks: string[][] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** False when the key was there already. */
  add(key: string): boolean {
    const at = Math.min(this.#blockOf(key), this.#blocks.length - 1);
    const block = this.#blocks[at];
    if (block === undefined) {
      this.#blocks.push([key]);
      this.#size = 1;
      return true;
    }
    const index = lowerBound(block, key);
    if (block[index] === key) return false;
    if (index === block.length) block.push(key);
    else block.splice(index, 0, key);
    this.#size++;
    if (block.length > BLOCK_KEYS_MAX) this.#split(at, index);
    return true;
  }

  delete(key: string): boolean {
    const at = this.#blockOf(key);
    const block = this.#blocks[at];
    if (block === undefined) return false;
    const index = lowerBound(block, key);
    if (block[index] !== key) return false;
    block.splice(index, 1);
    if (block.length === 0) this.#blocks.splice(at, 1);
    this.#size--;
    return true;
  }

  clear(): void {
    this.#blocks = [];
    this.#size = 0;
  }

  /** Keys with the prefix, in order; only those behind `after` when given. */
  *withPrefix(prefix: string, after?: string): Generator<string, void, undefined> {
    const isBehind = after !== undefined && after >= prefix;
    const from = isBehind ? after : prefix;
    let at = this.#blockOf(from);
    let index = at < this.#blocks.length ? lowerBound(this.#blocks[at]!, from) : 0;
    for (; at < this.#blocks.length; at++, index = 0) {
      const block = this.#blocks[at]!;
      for (; index < block.length; index++) {
        const key = block[index]!;
        if (isBehind && key === after) continue;
        if (!key.startsWith(prefix)) return;
        yield key;
      }
    }
  }

  /** How many keys with the prefix lie behind `after`, without going through them. */
  countBehind(prefix: string, after: string): number {
    const end = this.#rank(prefix + BEHIND_ALL);
    return Math.max(0, end - this.#rank(after < prefix ? prefix : `${after}\0`));
  }

  /** How many keys are smaller. */
  #rank(key: string): number {
    const at = this.#blockOf(key);
    let rank = at < this.#blocks.length ? lowerBound(this.#blocks[at]!, key) : 0;
    for (let i = 0; i < at; i++) rank += this.#blocks[i]!.length;
    return rank;
  }

  /** First block whose last key is not below `key`. */
  #blockOf(key: string): number {
    let low = 0;
    let high = this.#blocks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const block = this.#blocks[middle]!;
      if (block[block.length - 1]! < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Keys that come in order leave full blocks behind, not half-empty ones. */
  #split(at: number, insertedAt: number): void {
    const block = this.#blocks[at]!;
    const isAppend = at === this.#blocks.length - 1 && insertedAt === block.length - 1;
    const tail = block.splice(isAppend ? insertedAt : block.length >>> 1);
    this.#blocks.splice(at + 1, 0, tail);
  }
}

function lowerBound(block: readonly string[], key: string): number {
  let low = 0;
  let high = block.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (block[middle]! < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
