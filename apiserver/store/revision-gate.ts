// A number that only grows, and people waiting for it to reach theirs.

export class RevisionGate {
  #revision: number;
  #closed: Error | undefined;
  readonly #waiters = new Set<{ readonly revision: number; readonly wake: () => void }>();

  constructor(revision: number) {
    this.#revision = revision;
  }

  get revision(): number {
    return this.#revision;
  }

  advance(revision: number): void {
    if (revision <= this.#revision) return;
    this.#revision = revision;
    for (const waiter of this.#waiters) if (waiter.revision <= revision) waiter.wake();
  }

  /** Nobody waits any longer: pending and later `reached` calls reject with the reason. */
  close(reason: Error): void {
    this.#closed ??= reason;
    for (const waiter of this.#waiters) waiter.wake();
  }

  /** Resolves once the revision is reached, and also when aborted: look at the signal. */
  async reached(revision: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return;
    if (this.#closed) throw this.#closed;
    if (revision <= this.#revision) return;
    await new Promise<void>((resolve) => {
      const wake = () => {
        this.#waiters.delete(waiter);
        signal?.removeEventListener('abort', wake);
        resolve();
      };
      const waiter = { revision, wake };
      this.#waiters.add(waiter);
      signal?.addEventListener('abort', wake, { once: true });
    });
    if (this.#closed && !signal?.aborted) throw this.#closed;
  }
}
