// Growing, jittered delays: a crowd of clients that lost its server does not come back at once.

import type { Random } from '../machinery/random.ts';

export interface BackOffLimits {
  readonly firstMs: number;
  readonly lastMs: number;
}

export class BackOff {
  readonly #random: Random;
  readonly #limits: BackOffLimits;
  #delayMs: number;

  constructor(random: Random, limits: BackOffLimits) {
    this.#random = random;
    this.#limits = limits;
    this.#delayMs = limits.firstMs;
  }

  /** Between the present delay and one and a half of it; the next one is twice as long. */
  nextMs(): number {
    const delayMs = this.#delayMs * (1 + this.#random.fraction() / 2);
    this.#delayMs = Math.min(this.#limits.lastMs, this.#delayMs * 2);
    return Math.min(this.#limits.lastMs, Math.round(delayMs));
  }

  reset(): void {
    this.#delayMs = this.#limits.firstMs;
  }
}
