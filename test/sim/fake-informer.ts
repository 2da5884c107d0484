// An informer that is told what to see.

import type { Change, Informer } from '../../client/lister.ts';
import { keyOf } from '../../machinery/object.ts';
import type { ApiObject } from '../../proto/resource.ts';

type Handler<T extends ApiObject> = (change: Change<T>) => void;

export class FakeInformer<T extends ApiObject> implements Informer<T> {
  readonly isSynced = true;
  revision = 1;
  readonly #objects = new Map<string, T>();
  readonly #handlers = new Set<Handler<T>>();

  get = (key: string): T | undefined => this.#objects.get(key);
  byIndex = (): readonly T[] => [];
  synced = async (): Promise<void> => {};
  run = async (): Promise<void> => {};

  list(namespace?: string): readonly T[] {
    const all = [...this.#objects.values()];
    return namespace === undefined ? all : all.filter((it) => it.metadata.namespace === namespace);
  }

  onChange(handler: Handler<T>): () => void {
    this.#handlers.add(handler);
    for (const object of this.#objects.values()) handler({ type: 'added', object });
    return () => this.#handlers.delete(handler);
  }

  put(object: T): void {
    const previous = this.#objects.get(keyOf(object));
    this.#objects.set(keyOf(object), object);
    this.#tell(
      previous === undefined ? { type: 'added', object } : { type: 'updated', object, previous },
    );
  }

  remove(key: string): void {
    const object = this.#objects.get(key);
    if (object === undefined) return;
    this.#objects.delete(key);
    this.#tell({ type: 'deleted', object });
  }

  #tell(change: Change<T>): void {
    this.revision++;
    for (const handler of this.#handlers) handler(change);
  }
}
