// Faults at random moments, each with its end: processes die and come back, the store crashes,
// messages get slow or lost, somebody is cut off, the past is forgotten. `settle` ends them all.

import type { SimCluster } from './cluster.ts';
import { CALM } from './network.ts';
import type { SeededRandom } from './seeded-random.ts';

export const FAULTS = [
  'crash',
  'cut-off',
  'bad-weather',
  'store-crash',
  'compaction',
  'apiserver-crash',
] as const;
export type Fault = (typeof FAULTS)[number];

export interface ChaosOptions {
  readonly faults?: readonly Fault[];
  /** Names that crash and are cut off; absent: all but the API server. */
  readonly victims?: readonly string[];
  /** Longest time between two faults. */
  readonly pauseMsMax?: number;
}

const FAULT_MS_MAX = 8_000;
const DELAY_MS_MAX = 300;
const LOSS_RATE_MAX = 0.15;

export class Chaos {
  readonly #cluster: SimCluster;
  readonly #random: SeededRandom;
  readonly #options: Required<ChaosOptions>;
  readonly #mends = new Set<() => void>();
  #cancel = () => {};
  #count = 0;

  constructor(cluster: SimCluster, options: ChaosOptions = {}) {
    this.#cluster = cluster;
    this.#random = cluster.random('chaos');
    this.#options = {
      faults: FAULTS,
      victims: cluster.components.filter((name) => name !== 'apiserver'),
      pauseMsMax: 4_000,
      ...options,
    };
  }

  /** Faults so far. */
  get count(): number {
    return this.#count;
  }

  begin(): void {
    const { pauseMsMax } = this.#options;
    this.#cancel = this.#cluster.clock.after(this.#random.fraction() * pauseMsMax, () => {
      this.#strike(this.#random.pick(this.#options.faults));
      this.begin();
    });
  }

  /** No more faults, and all that were are mended. */
  settle(): void {
    this.#cancel();
    for (const mend of [...this.#mends]) mend();
    this.#cluster.log.say('CALM');
  }

  #strike(fault: Fault): void {
    this.#cluster.log.say(`FAULT ${fault}`);
    this.#count++;
    this.#strikes[fault]();
  }

  readonly #strikes: Readonly<Record<Fault, () => void>> = {
    crash: () => this.#kill(this.#victim()),
    'apiserver-crash': () => this.#kill('apiserver'),
    'cut-off': () => {
      const { network } = this.#cluster;
      const victim = this.#victim();
      network.cutOff(victim);
      this.#mendLater(() => network.join(victim));
    },
    'bad-weather': () => {
      const { network } = this.#cluster;
      network.weather = {
        delayMsMax: this.#random.fraction() * DELAY_MS_MAX,
        lossRate: this.#random.fraction() * LOSS_RATE_MAX,
      };
      this.#mendLater(() => {
        network.weather = { ...CALM };
      });
    },
    'store-crash': () => {
      const { store } = this.#cluster;
      store.crash();
      this.#mendLater(() => store.restart());
    },
    compaction: () => void this.#cluster.store.compact(this.#random.below(50)),
  };

  #victim(): string {
    return this.#random.pick(this.#options.victims);
  }

  #kill(name: string): void {
    this.#cluster.crash(name);
    this.#mendLater(() => this.#cluster.start(name));
  }

  /** Sometimes at once, sometimes only after others have noticed. */
  #mendLater(mend: () => void): void {
    const once = () => {
      cancel();
      this.#mends.delete(once);
      mend();
    };
    const delayMs = this.#random.fraction() ** 2 * FAULT_MS_MAX;
    const cancel = this.#cluster.clock.after(delayMs, once);
    this.#mends.add(once);
  }
}
