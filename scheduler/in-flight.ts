// Tasks under way at once, up to a limit.

export class InFlight {
  readonly #max: number;
  readonly #tasks = new Set<Promise<void>>();

  constructor(max: number) {
    this.#max = max;
  }

  get size(): number {
    return this.#tasks.size;
  }

  get isFull(): boolean {
    return this.#tasks.size >= this.#max;
  }

  /** The task must not reject: nobody has to wait for it. Resolves when its room is free again. */
  start(task: () => Promise<void>): Promise<void> {
    const running: Promise<void> = task().finally(() => this.#tasks.delete(running));
    this.#tasks.add(running);
    return running;
  }

  /** Resolves when there is room for one more; rejects with the signal's reason. */
  async room(signal: AbortSignal): Promise<void> {
    let onAbort = () => {};
    const aborted = new Promise<void>((resolve) => {
      onAbort = () => resolve();
      signal.addEventListener('abort', onAbort, { once: true });
    });
    while (this.isFull && !signal.aborted) await Promise.race([aborted, ...this.#tasks]);
    signal.removeEventListener('abort', onAbort);
    signal.throwIfAborted();
  }

  async settled(): Promise<void> {
    while (this.#tasks.size > 0) await Promise.allSettled(this.#tasks);
  }
}
