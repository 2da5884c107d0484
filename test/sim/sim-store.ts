// The cluster's store in simulated time: reads and writes take a while, and it can crash. A write
// that was under way then took effect or did not; whoever waited for it is told "unavailable"
// either way. What took effect is kept: it is on disk.

import { MemoryStore } from '../../apiserver/store/memory.ts';
import {
  type Range,
  type RangeOptions,
  type Store,
  type StoreEvent,
  StoreUnavailableError,
  type WriteResult,
} from '../../apiserver/store/store.ts';
import type { Clock } from '../../machinery/clock.ts';
import type { History } from './history.ts';
import type { SeededRandom } from './seeded-random.ts';

const READ_MS_MAX = 1;
const WRITE_MS_MAX = 4;

export class SimStore {
  readonly history: History;
  readonly #memory = new MemoryStore();
  readonly #clock: Clock;
  readonly #random: SeededRandom;
  #up = new AbortController();
  #isUp = true;

  constructor(clock: Clock, random: SeededRandom, history: History) {
    this.history = history;
    this.#clock = clock;
    this.#random = random;
  }

  get isUp(): boolean {
    return this.#isUp;
  }

  crash(): void {
    if (!this.#isUp) return;
    this.#isUp = false;
    this.#up.abort(new StoreUnavailableError('the store has crashed'));
  }

  restart(): void {
    if (this.#isUp) return;
    this.#isUp = true;
    this.#up = new AbortController();
  }

  /** Forgets all history but the newest so many revisions. */
  async compact(keepRevisions: number): Promise<void> {
    await this.#memory.compact(Math.max(0, this.history.revision - keepRevisions));
  }

  /** The store as one API server reaches it. What it sent before its end may still take effect. */
  session(): Store {
    return {
      get: (key) => this.#read(() => this.#memory.get(key)),
      list: (prefix, options) => this.#list(prefix, options),
      put: (key, value, options) =>
        this.#write(async () => {
          const result = await this.#memory.put(key, value, options);
          if (result.ok) {
            const entry = { key, value, revision: result.revision };
            this.#record({ type: 'put', entry, isCreate: false });
          }
          return result;
        }),
      delete: (key, options) =>
        this.#write(async () => {
          const result = await this.#memory.delete(key, options);
          if (result.ok) this.#record({ type: 'delete', key, revision: result.revision });
          return result;
        }),
      watch: (prefix, after, signal) => this.#watch(prefix, after, signal),
      compact: (revision) => this.#read(() => this.#memory.compact(revision)),
      progress: () => this.#read(() => this.#memory.progress()),
      close: async () => {},
    };
  }

  #list(prefix: string, options?: RangeOptions): Promise<Range> {
    return this.#read(() => this.#memory.list(prefix, options));
  }

  #record(event: StoreEvent): void {
    this.history.record(event);
  }

  async #read<T>(act: () => Promise<T>): Promise<T> {
    const up = this.#up.signal;
    up.throwIfAborted();
    await this.#clock.sleep(this.#random.fraction() * READ_MS_MAX);
    up.throwIfAborted();
    return act();
  }

  async #write(act: () => Promise<WriteResult>): Promise<WriteResult> {
    const up = this.#up.signal;
    up.throwIfAborted();
    await this.#clock.sleep(this.#random.fraction() * WRITE_MS_MAX);
    up.throwIfAborted();
    const result = await act();
    await this.#clock.sleep(this.#random.fraction() * WRITE_MS_MAX);
    up.throwIfAborted();
    return result;
  }

  async *#watch(
    prefix: string,
    after: number,
    signal: AbortSignal,
  ): AsyncGenerator<readonly StoreEvent[]> {
    const up = this.#up.signal;
    up.throwIfAborted();
    yield* this.#memory.watch(prefix, after, AbortSignal.any([signal, up]));
    if (!signal.aborted) up.throwIfAborted();
  }
}
