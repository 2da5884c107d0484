// What the engine needs to know of a controller: which changes wake which keys, and what to do
// for a key. Handlers, queues, back-off, workers and metrics belong to the engine, once.

import type { Change, Informer } from '../client/lister.ts';
import type { ApiObject } from '../proto/resource.ts';

/** Usually `namespace/name` of the object a controller owns; its meaning is the controller's. */
export type Key = string;

/** A cache whose changes wake keys. */
export interface Source {
  readonly informer: Informer<ApiObject>;
  keysFor(change: Change<ApiObject>): readonly Key[];
}

/** Ask again later, though nothing changed: a deadline passes, a grace period ends. */
export interface Requeue {
  readonly requeueAfterMs: number;
}

export interface Controller {
  readonly name: string;
  readonly sources: readonly Source[];
  /** Caches that reconcile reads but that wake nothing; it starts when they have synced, too. */
  readonly reads?: readonly Informer<ApiObject>[];
  /** How many keys may be worked on at once; one key never by two workers. */
  readonly workers: number;
  /** Keys to work on at the start, besides those that the first lists wake. */
  readonly initialKeys?: readonly Key[];
  /** Level-triggered: reads all it needs, assumes nothing about why it was called. */
  reconcile(key: Key, signal: AbortSignal): Promise<Requeue | undefined>;
}

/**
 * Wakes the keys of the object as it is and, after an update, as it was: who gave a pod away must
 * look again as much as who received it.
 */
export const source = <T extends ApiObject>(
  informer: Informer<T>,
  keysOf: (object: T) => readonly Key[],
  /** Updates it answers false for wake nobody. */
  matters: (object: T, previous: T) => boolean = () => true,
): Source =>
  changeSource(informer, (change) => {
    if (change.type !== 'updated') return keysOf(change.object);
    if (!matters(change.object, change.previous)) return [];
    const keys = keysOf(change.object);
    const before = keysOf(change.previous);
    return before.length === 0 ? keys : [...new Set([...keys, ...before])];
  });

/** Where the kind of change decides which keys wake. */
export const changeSource = <T extends ApiObject>(
  informer: Informer<T>,
  keysFor: (change: Change<T>) => readonly Key[],
): Source => ({
  informer: informer as unknown as Informer<ApiObject>,
  keysFor: (change) => keysFor(change as Change<T>),
});
