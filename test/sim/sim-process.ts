// A process that can be killed. It sees the world through a clock of its own; once killed, no timer
// of it fires and nothing that it waits for is ever answered, so none of its code runs again.

import type { Clock } from '../../machinery/clock.ts';

/** Settles never: what the dead hear. */
const silence = <T>(): Promise<T> => new Promise<T>(() => {});

export class SimProcess implements Clock {
  readonly name: string;
  readonly #world: Clock;
  readonly #timers = new Set<() => void>();
  readonly #deaths = new Set<() => void>();
  #isDead = false;

  constructor(name: string, world: Clock) {
    this.name = name;
    this.#world = world;
  }

  get isDead(): boolean {
    return this.#isDead;
  }

  /** Whole milliseconds, as real clocks tell. */
  now(): number {
    return Math.floor(this.#world.now());
  }

  after(delayMs: number, task: () => void): () => void {
    if (this.#isDead) return () => {};
    const stop = this.#world.after(delayMs, () => {
      this.#timers.delete(cancel);
      task();
    });
    const cancel = () => {
      this.#timers.delete(cancel);
      stop();
    };
    this.#timers.add(cancel);
    return cancel;
  }

  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const abort = () => {
        cancel();
        reject(signal?.reason);
      };
      const cancel = this.after(delayMs, () => {
        signal?.removeEventListener('abort', abort);
        resolve();
      });
      signal?.addEventListener('abort', abort, { once: true });
    });
  }

  onDeath(task: () => void): () => void {
    this.#deaths.add(task);
    return () => this.#deaths.delete(task);
  }

  kill(): void {
    if (this.#isDead) return;
    this.#isDead = true;
    for (const cancel of [...this.#timers]) cancel();
    for (const task of [...this.#deaths]) task();
    this.#deaths.clear();
  }

  /** What this process hears of a promise: nothing any more when it dies first. */
  hears<T>(promise: Promise<T>): Promise<T> {
    return promise.then(
      (value) => (this.#isDead ? silence<T>() : value),
      (error: unknown) => {
        if (this.#isDead) return silence<T>();
        throw error;
      },
    );
  }

  /** Something outside that outlives the process (a container engine), as the process reaches it. */
  reaching<T extends object>(outside: T): T {
    const call = (method: (...args: unknown[]) => unknown, args: unknown[]): unknown => {
      if (this.#isDead) return silence();
      const answer = method.apply(outside, args);
      if (answer instanceof Promise) return this.hears(answer);
      return isAsyncIterable(answer) ? this.#following(answer) : answer;
    };
    return new Proxy(outside, {
      get: (target, name) => {
        const member: unknown = Reflect.get(target, name, target);
        if (typeof member !== 'function') return member;
        return (...args: unknown[]) => call(member as (...args: unknown[]) => unknown, args);
      },
    });
  }

  async *#following<T>(source: AsyncIterable<T>): AsyncGenerator<T> {
    const iterator = source[Symbol.asyncIterator]();
    for (;;) {
      const step = await this.hears(iterator.next());
      if (step.done) return;
      yield step.value;
    }
  }
}

const isAsyncIterable = (value: unknown): value is AsyncIterable<unknown> =>
  typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
