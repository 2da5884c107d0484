// Waiting for one of several events: that a slow reader has caught up, say, or has gone.

interface Emitter {
  on(event: string, listener: () => void): unknown;
  off(event: string, listener: () => void): unknown;
}

/** Settles at the first of these events. */
export const firstEvent = (emitter: Emitter, events: readonly string[]): Promise<void> =>
  new Promise((resolve) => {
    const done = () => {
      for (const event of events) emitter.off(event, done);
      resolve();
    };
    for (const event of events) emitter.on(event, done);
  });
