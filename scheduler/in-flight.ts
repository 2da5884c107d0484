// Tasks under way at once, up to a limit.

export class InFlight {
  readonly #max: number;
  readonly #waiters = new Set<() => void>();
  #size = 0;

  constructor(max: number) {
    this.#max = max;
  }

  get size(): number {
    return this.#size;
  }

  get isFull(): boolean {
    return this.#size >= this.#max;
  }

  /** The task must not reject: nobody has to wait for it. Resolves when its room is free again. */
  async start(task: () => Promise<void>): Promise<void> {
    this.#size++;
    try {
      await task();
    } finally {
      this.#size--;
      this.#tellWaiters();
    }
  }

  /** Resolves when there is room for one more; rejects with the signal's reason. */
  async room(signal: AbortSignal): Promise<void> {
    const tell = () => this.#tellWaiters();
    signal.addEventListener('abort', tell, { once: true });
    while (this.isFull && !signal.aborted) await this.#change();
    signal.removeEventListener('abort', tell);
    signal.throwIfAborted();
  }

  async settled(): Promise<void> {
    while (this.#size > 0) await this.#change();
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#waiters.add(resolve));
  }

  #tellWaiters(): void {
    for (const resolve of this.#waiters) resolve();
    this.#waiters.clear();
  }
}
