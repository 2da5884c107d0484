// One watch stream from server to client: first in, first out, each message after its delay. What
// the client is slow to take waits here up to a window, then at the server.

import type { SimProcess } from './sim-process.ts';

/** Small, so that slow readers are cut off now and then, as real ones are. */
const WINDOW_MAX = 32;

interface Message<T> {
  readonly dueMs: number;
  readonly value: T;
}

export class Wire<T> {
  readonly #client: SimProcess;
  readonly #delayMs: () => number;
  readonly #stop = new AbortController();
  readonly #messages: Message<T>[] = [];
  #isEnded = false;
  #failure: unknown;
  #wakeReader = () => {};
  #wakeWriter = () => {};

  constructor(client: SimProcess, delayMs: () => number) {
    this.#client = client;
    this.#delayMs = delayMs;
  }

  /** Ends with the connection: the server stops sending then. */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  carry(source: AsyncIterable<T>): void {
    this.#pump(source).then(
      () => {
        if (!this.#stop.signal.aborted) this.#end(undefined);
      },
      (error: unknown) => {
        if (!this.#stop.signal.aborted) this.#end(error);
      },
    );
  }

  break(error: Error): void {
    this.#messages.length = 0;
    this.#end(error);
    this.close();
  }

  close(): void {
    this.#stop.abort();
    this.#wakeWriter();
  }

  /** Undefined: ended. Rejects with what ended it, or when aborted. */
  async next(signal: AbortSignal): Promise<T | undefined> {
    for (;;) {
      signal.throwIfAborted();
      const message = this.#messages[0];
      if (message !== undefined) {
        const leftMs = message.dueMs - this.#client.now();
        if (leftMs > 0) await this.#client.sleep(leftMs, signal);
        if (this.#messages.shift() === undefined) continue;
        this.#wakeWriter();
        return message.value;
      }
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#isEnded) return undefined;
      await this.#news(signal);
    }
  }

  async #pump(source: AsyncIterable<T>): Promise<void> {
    let lastMs = 0;
    for await (const value of source) {
      if (this.#stop.signal.aborted) return;
      lastMs = Math.max(lastMs, this.#client.now() + this.#delayMs());
      this.#messages.push({ dueMs: lastMs, value });
      this.#wakeReader();
      while (this.#messages.length >= WINDOW_MAX && !this.#stop.signal.aborted) {
        await new Promise<void>((resolve) => {
          this.#wakeWriter = resolve;
        });
      }
    }
  }

  #end(failure: unknown): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#failure = failure;
    this.#wakeReader();
  }

  #news(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        signal.removeEventListener('abort', wake);
        resolve();
      };
      this.#wakeReader = wake;
      signal.addEventListener('abort', wake, { once: true });
    });
  }
}
