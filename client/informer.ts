// A cache of one resource that keeps itself current, and tells what changed. Objects are kept as
// they come, never copied: readers share them and change nothing.

import { invariant } from '../machinery/errors.ts';
import { keyOf } from '../machinery/object.ts';
import type { WatchEvent } from '../machinery/transport.ts';
import type { ApiObject } from '../proto/resource.ts';
import type { Change, Informer } from './lister.ts';
import { type IndexBy, ObjectCache } from './object-cache.ts';
import { type ReflectorOptions, reflect, type Sink } from './reflector.ts';

export interface InformerOptions<T extends ApiObject> extends ReflectorOptions<T> {
  readonly indexes?: Readonly<Record<string, IndexBy<T>>>;
  /** Keeps less than what comes, to save memory; must answer a new object, with its metadata. */
  readonly transform?: ((object: T) => T) | undefined;
}

/** An informer that several readers share may be asked for further indexes. */
export interface SharedInformer<T extends ApiObject> extends Informer<T> {
  readonly size: number;
  /** A name that exists already is left as it is. */
  addIndex(name: string, valuesOf: IndexBy<T>): void;
}

export const createInformer = <T extends ApiObject>(
  options: InformerOptions<T>,
): SharedInformer<T> => new CachingInformer(options);

class CachingInformer<T extends ApiObject> implements SharedInformer<T>, Sink<T> {
  readonly #options: InformerOptions<T>;
  readonly #cache: ObjectCache<T>;
  readonly #handlers = new Set<(change: Change<T>) => void>();
  readonly #waiters = new Set<() => void>();
  #revision = 0;
  #isSynced = false;
  #isRunning = false;

  constructor(options: InformerOptions<T>) {
    this.#options = options;
    this.#cache = new ObjectCache(options.indexes);
  }

  get isSynced(): boolean {
    return this.#isSynced;
  }

  get revision(): number {
    return this.#revision;
  }

  get size(): number {
    return this.#cache.size;
  }

  get(key: string): T | undefined {
    return this.#cache.get(key);
  }

  list(namespace?: string): readonly T[] {
    return this.#cache.list(namespace);
  }

  byIndex(index: string, value: string): readonly T[] {
    return this.#cache.byIndex(index, value);
  }

  addIndex(name: string, valuesOf: IndexBy<T>): void {
    this.#cache.addIndex(name, valuesOf);
  }

  synced(signal?: AbortSignal): Promise<void> {
    if (this.#isSynced) return Promise.resolve();
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const done = () => {
        signal?.removeEventListener('abort', abort);
        resolve();
      };
      const abort = () => {
        this.#waiters.delete(done);
        reject(signal?.reason);
      };
      this.#waiters.add(done);
      signal?.addEventListener('abort', abort, { once: true });
    });
  }

  onChange(handler: (change: Change<T>) => void): () => void {
    this.#handlers.add(handler);
    for (const object of this.#cache.list()) this.#call(handler, { type: 'added', object });
    return () => this.#handlers.delete(handler);
  }

  async run(signal: AbortSignal): Promise<void> {
    invariant(!this.#isRunning, `the informer of ${this.#options.resource.plural} runs already`);
    this.#isRunning = true;
    try {
      await reflect(this.#options, this, signal);
    } finally {
      this.#isRunning = false;
    }
  }

  replace(objects: readonly T[], revision: string): void {
    const gone = new Set(this.#cache.keys());
    for (const object of objects) {
      gone.delete(keyOf(object));
      this.#put(object);
    }
    for (const key of gone) this.#remove(key);
    this.#revision = Number(revision);
    if (this.#isSynced) return;
    this.#isSynced = true;
    for (const done of this.#waiters) done();
    this.#waiters.clear();
  }

  apply(event: WatchEvent<T>): void {
    if (event.type === 'BOOKMARK') {
      this.#revision = Number(event.resourceVersion);
      return;
    }
    this.#revision = Number(event.object.metadata.resourceVersion ?? this.#revision);
    if (event.type === 'DELETED') this.#remove(keyOf(event.object), event.object);
    else this.#put(event.object);
  }

  #put(received: T): void {
    const known = this.#cache.get(keyOf(received));
    if (known !== undefined && isSame(known, received)) return;
    const object = this.#options.transform?.(received) ?? received;
    const previous = this.#cache.set(object);
    if (previous === undefined) this.#emit({ type: 'added', object });
    else if (previous.metadata.uid === object.metadata.uid) {
      this.#emit({ type: 'updated', object, previous });
    } else {
      // Deleted and created anew while we looked away: two things happened, tell both.
      this.#emit({ type: 'deleted', object: previous });
      this.#emit({ type: 'added', object });
    }
  }

  #remove(key: string, last?: T): void {
    const previous = this.#cache.delete(key);
    if (previous === undefined) return;
    const object = last === undefined ? previous : (this.#options.transform?.(last) ?? last);
    this.#emit({ type: 'deleted', object });
  }

  #emit(change: Change<T>): void {
    for (const handler of this.#handlers) this.#call(handler, change);
  }

  /** One reader's bug must not cost the others their cache. */
  #call(handler: (change: Change<T>) => void, change: Change<T>): void {
    try {
      handler(change);
    } catch (error) {
      const { log, resource } = this.#options;
      log.error('a change handler failed', { resource: resource.plural, error });
    }
  }
}

const isSame = (a: ApiObject, b: ApiObject): boolean =>
  a.metadata.resourceVersion !== undefined &&
  a.metadata.resourceVersion === b.metadata.resourceVersion &&
  a.metadata.uid === b.metadata.uid;
