// A Transport over a map, for tests of clients: lists, watches, writes at the expected revision,
// and fails when told (cut the watches, compact the history, refuse the next call). It validates
// nothing: what the real API server does is tested against the real API server.

import { alreadyExists, conflict, expired, notFound } from '../../machinery/errors.ts';
import { keyFor } from '../../machinery/object.ts';
import { applyMergePatch } from '../../machinery/patch/merge-patch.ts';
import type { At, Transport, WatchEvent, WatchQuery } from '../../machinery/transport.ts';
import type { ApiObject, Resource } from '../../proto/resource.ts';

interface Entry {
  readonly revision: number;
  readonly plural: string;
  readonly event: WatchEvent;
}

export class ScriptedApi implements Transport {
  /** Calls by verb and plural, such as `list pods`, in order. */
  readonly calls: string[] = [];
  readonly #objects = new Map<string, ApiObject>();
  readonly #history: Entry[] = [];
  readonly #wakers = new Set<() => void>();
  readonly #refusals: Error[] = [];
  #revision = 1;
  #compacted = 0;
  #cuts = 0;

  /** The next call of any kind fails with this. */
  refuseNext(...errors: readonly Error[]): void {
    this.#refusals.push(...errors);
  }

  /** Ends all watches, without an error. */
  cut(): void {
    this.#cuts++;
    this.#wake();
  }

  /** Forgets the history: watches from an older revision are Expired. */
  compact(): void {
    this.#compacted = this.#revision;
  }

  /** Counts the store's revision up without any event, and tells it to those who watch. */
  bookmark(plural: string): void {
    const revision = ++this.#revision;
    const resourceVersion = String(revision);
    const event = { type: 'BOOKMARK', resourceVersion, initialEventsEnd: false } as const;
    this.#record({ revision, plural, event });
  }

  objects(plural: string): ApiObject[] {
    return [...this.#objects].filter(([key]) => key.startsWith(`${plural}/`)).map(([, one]) => one);
  }

  async get<T extends ApiObject>(resource: Resource<T>, at: At): Promise<T> {
    this.#called('get', resource);
    return this.#existing(resource, at);
  }

  async list<T extends ApiObject>(
    resource: Resource<T>,
    query: { limit?: number | undefined; continue?: string | undefined },
  ) {
    this.#called('list', resource);
    const all = this.objects(resource.plural) as T[];
    const from = Number(query.continue ?? 0);
    const to = from + (query.limit ?? all.length);
    return {
      metadata: {
        resourceVersion: String(this.#revision),
        ...(to < all.length && { continue: String(to) }),
      },
      items: all.slice(from, to),
    };
  }

  async *watch<T extends ApiObject>(
    resource: Resource<T>,
    query: WatchQuery,
    signal: AbortSignal,
  ): AsyncIterable<WatchEvent<T>> {
    this.#called('watch', resource);
    const cuts = this.#cuts;
    let revision = Number(query.resourceVersion ?? 0);
    while (!signal.aborted && this.#cuts === cuts) {
      if (revision < this.#compacted) throw expired('too old resource version');
      const next = this.#history.find(
        (entry) => entry.plural === resource.plural && entry.revision > revision,
      );
      if (next === undefined) await this.#change(signal);
      else {
        revision = next.revision;
        yield next.event as WatchEvent<T>;
      }
    }
    signal.throwIfAborted();
  }

  async create<T extends ApiObject, R = T>(resource: Resource<T>, object: R): Promise<R> {
    this.#called('create', resource);
    const created = object as unknown as T;
    if (this.#objects.has(keyOf(resource, created.metadata))) {
      throw alreadyExists(resource, created.metadata.name);
    }
    return this.#put(resource, created, 'ADDED') as unknown as R;
  }

  async update<T extends ApiObject>(resource: Resource<T>, object: T): Promise<T> {
    this.#called('update', resource);
    const stored = this.#existing(resource, object.metadata);
    const { resourceVersion } = object.metadata;
    if (resourceVersion !== undefined && resourceVersion !== stored.metadata.resourceVersion) {
      throw conflict(resource, object.metadata.name);
    }
    return this.#put(resource, object, 'MODIFIED');
  }

  async patch<T extends ApiObject>(resource: Resource<T>, at: At, patch: { body: unknown }) {
    this.#called('patch', resource);
    const stored = this.#existing(resource, at);
    return this.#put(resource, applyMergePatch(stored, patch.body) as T, 'MODIFIED');
  }

  async delete<T extends ApiObject>(resource: Resource<T>, at: At): Promise<void> {
    this.#called('delete', resource);
    const stored = this.#existing(resource, at);
    this.#objects.delete(keyOf(resource, at));
    this.#store(resource, stored, 'DELETED');
  }

  async deleteCollection<T extends ApiObject>(resource: Resource<T>): Promise<void> {
    for (const { metadata } of this.objects(resource.plural)) await this.delete(resource, metadata);
  }

  async bind(): Promise<void> {
    throw new Error('the scripted API binds nothing');
  }

  close(): void {
    this.cut();
  }

  #called(verb: string, resource: Resource): void {
    this.calls.push(`${verb} ${resource.plural}`);
    const refusal = this.#refusals.shift();
    if (refusal !== undefined) throw refusal;
  }

  #existing<T extends ApiObject>(resource: Resource<T>, at: At): T {
    const object = this.#objects.get(keyOf(resource, at));
    if (object === undefined) throw notFound(resource, at.name);
    return object as T;
  }

  #put<T extends ApiObject>(resource: Resource<T>, object: T, type: 'ADDED' | 'MODIFIED'): T {
    const stored = this.#store(resource, object, type);
    this.#objects.set(keyOf(resource, stored.metadata), stored);
    return stored;
  }

  #store<T extends ApiObject>(
    resource: Resource<T>,
    object: T,
    type: 'ADDED' | 'MODIFIED' | 'DELETED',
  ): T {
    const revision = ++this.#revision;
    const uid = this.#objects.get(keyOf(resource, object.metadata))?.metadata.uid;
    const metadata = {
      ...object.metadata,
      uid: uid ?? object.metadata.uid ?? `uid-${revision}`,
      resourceVersion: String(revision),
    };
    const stored = { ...object, metadata };
    this.#record({ revision, plural: resource.plural, event: { type, object: stored } });
    return stored;
  }

  #record(entry: Entry): void {
    this.#history.push(entry);
    this.#wake();
  }

  #wake(): void {
    for (const wake of [...this.#wakers]) wake();
  }

  #change(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        this.#wakers.delete(done);
        signal.removeEventListener('abort', done);
        resolve();
      };
      this.#wakers.add(done);
      signal.addEventListener('abort', done, { once: true });
    });
  }
}

const keyOf = (resource: Resource, { namespace, name }: At): string =>
  `${resource.plural}/${keyFor(namespace, name)}`;
