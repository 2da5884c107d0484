// Watches what the API server answers and compares it with what happened in the store:
//
//   a write that was acknowledged took effect, and over nobody else's write
//   a read is not older than what had happened when it was asked for
//   a watcher sees each change of what it selected, once and in order

import { prefixOf, storeKeyOf } from '../../apiserver/registry/keys.ts';
import { hasReason } from '../../machinery/errors.ts';
import type { At, ListQuery, WatchEvent, WatchQuery } from '../../machinery/transport.ts';
import type { Pod } from '../../proto/generated/core.v1.ts';
import { PODS } from '../../proto/generated/resources.ts';
import type { ApiObject, ObjectList, Resource } from '../../proto/resource.ts';
import type { History, Version } from './history.ts';
import { isContentOf, type Sight, selectionOf, WatchedStream } from './watched-stream.ts';

export type Complain = (violation: string) => void;

export class Witness {
  readonly #history: History;
  readonly #complain: Complain;
  readonly #streams = new Set<WatchedStream>();

  constructor(history: History, complain: Complain) {
    this.#history = history;
    this.#complain = complain;
  }

  async get<T extends ApiObject>(resource: Resource<T>, at: At, answer: Promise<T>): Promise<T> {
    const key = keyOf(resource, at);
    const since = this.#history.revision;
    try {
      const object = await answer;
      const isIt = (version: Version) =>
        version.revision === revisionOf(object) && isContentOf(object, version.object);
      if (!this.#existed(key, since, isIt)) {
        this.#complain(`get ${key} answered revision ${revisionOf(object)}, older than ${since}`);
      }
      return object;
    } catch (error) {
      if (hasReason(error, 'NotFound') && !this.#wasAbsent(key, since)) {
        this.#complain(`get ${key} answered NotFound, but it exists since before ${since}`);
      }
      throw error;
    }
  }

  async list<T extends ApiObject>(
    resource: Resource<T>,
    query: ListQuery,
    answer: Promise<ObjectList<T>>,
  ): Promise<ObjectList<T>> {
    const since = this.#history.revision;
    const list = await answer;
    const revision = Number(list.metadata.resourceVersion);
    if (query.resourceVersion === undefined && query.continue === undefined && revision < since) {
      this.#complain(`list ${resource.plural} answered revision ${revision}, older than ${since}`);
    }
    const isWhole = query.continue === undefined && list.metadata.continue === undefined;
    const matches = selectionOf(resource, query);
    if (!isWhole || matches === undefined) return list;
    const state = this.#history.state(prefixOf(resource, query.namespace), revision);
    const wanted = [...state.values()]
      .filter(({ object }) => matches(object!))
      .map((version) => version.revision);
    const found = list.items.map(revisionOf);
    if (!isSameSet(wanted, found)) {
      this.#complain(`list ${resource.plural} at ${revision}: [${found}], stored are [${wanted}]`);
    }
    return list;
  }

  async create<T extends ApiObject, R>(
    resource: Resource<T>,
    options: { readonly subresource?: string | undefined } | undefined,
    answer: Promise<R>,
  ): Promise<R> {
    const object = await answer;
    if (options?.subresource === undefined) {
      const made = object as unknown as ApiObject;
      const version = this.#written(keyOf(resource, made.metadata), made);
      if (version?.previous?.object !== undefined) {
        this.#complain(`create ${version.key} at ${version.revision} replaced what was there`);
      }
    }
    return object;
  }

  async update<T extends ApiObject>(
    resource: Resource<T>,
    sent: T,
    answer: Promise<T>,
  ): Promise<T> {
    const given = sent.metadata.resourceVersion;
    const object = await answer;
    const version = this.#written(keyOf(resource, object.metadata), object);
    if (given === undefined || version === undefined) return object;
    const based = version.revision === Number(given) ? version : version.previous;
    if (based?.revision !== Number(given)) {
      const { key, revision } = version;
      this.#complain(`update ${key} at ${revision} based on ${given} hid ${based?.revision}`);
    }
    return object;
  }

  async patch<T extends ApiObject>(resource: Resource<T>, at: At, answer: Promise<T>): Promise<T> {
    const object = await answer;
    this.#written(keyOf(resource, at), object);
    return object;
  }

  async delete(resource: Resource, at: At, answer: Promise<void>): Promise<void> {
    const key = keyOf(resource, at);
    const since = this.#history.revision;
    await answer;
    const isMarked = ({ object }: Version) => object?.metadata.deletionTimestamp !== undefined;
    if (!this.#wasAbsent(key, since) && !this.#existed(key, since, isMarked)) {
      this.#complain(`delete ${key} was acknowledged after ${since} without effect`);
    }
  }

  async bind(pod: At, nodeName: string, answer: Promise<void>): Promise<void> {
    const key = keyOf(PODS, pod);
    const since = this.#history.revision;
    await answer;
    const isBound = ({ object }: Version) =>
      (object as Pod | undefined)?.spec.nodeName === nodeName;
    if (!this.#existed(key, since, isBound)) {
      this.#complain(`bind ${key} to ${nodeName} was acknowledged after ${since} without effect`);
    }
  }

  watch(resource: Resource, query: WatchQuery): Sight {
    const stream = new WatchedStream(this.#history, { resource, query, complain: this.#complain });
    this.#streams.add(stream);
    return {
      event: (event: WatchEvent) => stream.event(event),
      end: () => this.#streams.delete(stream),
    };
  }

  /** Watchers that were not told all that happened up to this revision. */
  checkNobodyWaits(revision: number): void {
    for (const stream of this.#streams) stream.checkComplete(revision);
  }

  #written(key: string, object: ApiObject): Version | undefined {
    const version = this.#history.of(key).find(({ revision }) => revision === revisionOf(object));
    if (version?.object && isContentOf(object, version.object)) return version;
    // The last write of a deleted object (its last finalizer) is answered, but removes it.
    const isGone = version !== undefined && version.object === undefined;
    if (!isGone) {
      this.#complain(
        `a write of ${key} at ${revisionOf(object)} was acknowledged, never stored so`,
      );
    }
    return undefined;
  }

  /** Was there a version like this at some moment from revision `since` on? */
  #existed(key: string, since: number, isIt: (version: Version) => boolean): boolean {
    return this.#momentsOf(key, since).some((version) => version !== undefined && isIt(version));
  }

  #wasAbsent(key: string, since: number): boolean {
    return this.#momentsOf(key, since).some((version) => version?.object === undefined);
  }

  #momentsOf(key: string, since: number): readonly (Version | undefined)[] {
    const all = this.#history.of(key);
    const at = all.findLastIndex(({ revision }) => revision <= since);
    return at < 0 ? [undefined, ...all] : all.slice(at);
  }
}

const keyOf = (resource: Resource, { namespace, name }: At): string =>
  storeKeyOf(resource, namespace, name);

const revisionOf = ({ metadata }: ApiObject): number => Number(metadata.resourceVersion);

function isSameSet(one: readonly number[], other: readonly number[]): boolean {
  const all = new Set(one);
  return one.length === other.length && other.every((value) => all.has(value));
}
