// The latest changes of one resource, from which watchers resume. Bounded by count and bytes: who
// comes with an older revision must list again.

import { expired } from '../../machinery/errors.ts';
import type { Change } from './change.ts';

export interface WindowLimits {
  readonly windowEventsMax: number;
  readonly windowBytesMax: number;
}

export class Window {
  readonly #limits: WindowLimits;
  #changes: Change[] = [];
  /** Those in front of it have left; they are cut off now and then. */
  #at = 0;
  #bytes = 0;
  /** Everything after this revision is in the window. */
  #completeAfter: number;

  constructor(limits: WindowLimits, revision: number) {
    this.#limits = limits;
    this.#completeAfter = revision;
  }

  push(change: Change): void {
    this.#changes.push(change);
    this.#bytes += change.bytes;
    const { windowEventsMax, windowBytesMax } = this.#limits;
    while (this.#changes.length - this.#at > windowEventsMax || this.#bytes > windowBytesMax) {
      const oldest = this.#changes[this.#at++]!;
      this.#bytes -= oldest.bytes;
      this.#completeAfter = oldest.revision;
    }
    if (this.#at > windowEventsMax) {
      this.#changes = this.#changes.slice(this.#at);
      this.#at = 0;
    }
  }

  /** In order. Throws Expired when some are gone. */
  after(revision: number): readonly Change[] {
    if (revision < this.#completeAfter) {
      throw expired(`too old resource version: ${revision} (${this.#completeAfter})`);
    }
    let low = this.#at;
    let high = this.#changes.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#changes[middle]!.revision <= revision) low = middle + 1;
      else high = middle;
    }
    return this.#changes.slice(low);
  }

  reset(revision: number): void {
    this.#changes = [];
    this.#at = 0;
    this.#bytes = 0;
    this.#completeAfter = revision;
  }
}
