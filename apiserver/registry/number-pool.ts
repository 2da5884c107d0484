// A range of numbers that are handed out one by one, each with the name of its owner.
// Numbers that nobody asked for by value come from the upper part first, at random, so that values
// chosen by hand, mostly low ones, seldom meet one that is taken.

import type { Random } from '../../machinery/random.ts';

/** The part that is kept for values chosen by hand: 1/16 of the range, within these bounds. */
const STATIC_MIN = 16;
const STATIC_MAX = 256;

export class NumberPool {
  readonly first: number;
  readonly last: number;
  readonly #random: Random;
  readonly #owners = new Map<number, string>();

  constructor(first: number, last: number, random: Random) {
    this.first = first;
    this.last = last;
    this.#random = random;
  }

  has(number: number): boolean {
    return number >= this.first && number <= this.last;
  }

  ownerOf(number: number): string | undefined {
    return this.#owners.get(number);
  }

  /** False when another owner has it. */
  take(number: number, owner: string): boolean {
    const before = this.#owners.get(number);
    if (before !== undefined) return before === owner;
    this.#owners.set(number, owner);
    return true;
  }

  /** Undefined when the range is full. */
  takeAny(owner: string): number | undefined {
    const split = this.first + this.#staticSize();
    const number = this.#freeWithin(split, this.last) ?? this.#freeWithin(this.first, split - 1);
    if (number !== undefined) this.#owners.set(number, owner);
    return number;
  }

  release(number: number, owner: string): void {
    if (this.#owners.get(number) === owner) this.#owners.delete(number);
  }

  #staticSize(): number {
    const size = this.last - this.first + 1;
    if (size <= STATIC_MIN) return 0;
    return Math.min(Math.max(STATIC_MIN, Math.floor(size / 16)), STATIC_MAX);
  }

  #freeWithin(first: number, last: number): number | undefined {
    const size = last - first + 1;
    if (size <= 0) return undefined;
    const start = Math.floor(this.#random.fraction() * size);
    for (let step = 0; step < size; step++) {
      const number = first + ((start + step) % size);
      if (!this.#owners.has(number)) return number;
    }
    return undefined;
  }
}
