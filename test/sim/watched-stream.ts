// One watch as its client sees it, against the store's history of what it selects.

import { KINDS } from '../../apiserver/kinds/kinds.ts';
import { prefixOf } from '../../apiserver/registry/keys.ts';
import { deepEqual } from '../../machinery/equality.ts';
import type { Selection, WatchEvent, WatchQuery } from '../../machinery/transport.ts';
import type { Pod } from '../../proto/generated/core.v1.ts';
import type { ApiObject, Resource } from '../../proto/resource.ts';
import type { History, Version } from './history.ts';

export interface Sight {
  event(event: WatchEvent): void;
  end(): void;
}

interface Watched {
  readonly resource: Resource;
  readonly query: WatchQuery;
  readonly complain: (violation: string) => void;
}

/** Other versions of stored kinds: what they show is stored under another name. */
const VIEWS = new Set(KINDS.filter(({ view }) => view).map(({ resource }) => resource.type));

type Change = 'ADDED' | 'MODIFIED' | 'DELETED';

export class WatchedStream {
  readonly #history: History;
  readonly #watched: Watched;
  readonly #prefix: string;
  readonly #matches: ((object: ApiObject) => boolean) | undefined;
  /** Where in the resource's history the client is; undefined while it gets the first state. */
  #at: number | undefined;
  readonly #initial = new Set<number>();
  #revision = 0;

  constructor(history: History, watched: Watched) {
    this.#history = history;
    this.#watched = watched;
    const { resource, query } = watched;
    this.#prefix = prefixOf(resource, query.namespace);
    this.#matches = selectionOf(resource, query);
    const after = Number(query.resourceVersion ?? 0);
    if (query.sendInitialEvents !== true && after > 0) this.#startAfter(after);
  }

  event(event: WatchEvent): void {
    const { query } = this.#watched;
    if (event.type === 'BOOKMARK') {
      this.#bookmark(event);
      return;
    }
    const revision = Number(event.object.metadata.resourceVersion);
    if (this.#at === undefined) {
      this.#initial.add(revision);
      return;
    }
    if (revision <= this.#revision) this.#wrong(`went back from ${this.#revision} to ${revision}`);
    this.#revision = revision;
    if (this.#matches === undefined) return;
    const next = this.#next(Number.POSITIVE_INFINITY);
    const wanted = next && `${next.change} ${next.version.key} at ${next.version.revision}`;
    const found = `${event.type} ${this.#keyOf(event.object)} at ${revision}`;
    const truth = event.type === 'DELETED' ? next?.version.previous : next?.version;
    if (wanted === found && !isContentOf(event.object, truth?.object)) {
      this.#wrong(`saw ${found} with other content than is stored`);
    }
    if (wanted !== found) {
      this.#wrong(`saw ${found} where ${wanted} came next (${JSON.stringify(query)})`);
      this.#startAfter(revision);
    }
  }

  checkComplete(revision: number): void {
    if (this.#at === undefined || this.#matches === undefined) return;
    const next = this.#next(revision);
    if (next) this.#wrong(`was never told of ${next.change} ${next.version.key}`);
  }

  #bookmark({ resourceVersion, initialEventsEnd }: WatchEvent & { type: 'BOOKMARK' }): void {
    const revision = Number(resourceVersion);
    if (revision < this.#revision) this.#wrong(`a bookmark went back to ${revision}`);
    this.#revision = revision;
    if (initialEventsEnd) {
      this.#checkInitial(revision);
      this.#startAfter(revision);
    }
    if (this.#at === undefined || this.#matches === undefined) return;
    const missed = this.#next(revision);
    if (missed) this.#wrong(`a bookmark at ${revision} came before ${missed.version.key}`);
  }

  #checkInitial(revision: number): void {
    const matches = this.#matches;
    if (matches === undefined) return;
    const state = [...this.#history.state(this.#prefix, revision).values()];
    const wanted = state.filter(({ object }) => matches(object!));
    const isSame =
      wanted.length === this.#initial.size &&
      wanted.every((version) => this.#initial.has(version.revision));
    if (!isSame) this.#wrong(`began with another state than that of ${revision}`);
  }

  #startAfter(revision: number): void {
    const past = this.#history.under(this.#prefix);
    const at = past.findIndex((version) => version.revision > revision);
    this.#at = at < 0 ? past.length : at;
    this.#revision = Math.max(this.#revision, revision);
  }

  /** The next change up to a revision that this watch must be told of. */
  #next(until: number): { version: Version; change: Change } | undefined {
    const past = this.#history.under(this.#prefix);
    for (;;) {
      const version = past[this.#at!];
      if (version === undefined || version.revision > until) return undefined;
      this.#at!++;
      const change = this.#changeOf(version);
      if (change !== undefined) return { version, change };
    }
  }

  #changeOf({ key, object, previous }: Version): Change | undefined {
    if (!key.startsWith(this.#prefix)) return undefined;
    const isIn = object !== undefined && this.#matches!(object);
    const wasIn = previous?.object !== undefined && this.#matches!(previous.object);
    if (isIn) return wasIn ? 'MODIFIED' : 'ADDED';
    return wasIn ? 'DELETED' : undefined;
  }

  #keyOf({ metadata: { namespace, name } }: ApiObject): string {
    return `${prefixOf(this.#watched.resource, namespace)}${name}`;
  }

  #wrong(what: string): void {
    this.#watched.complain(`a watch of ${this.#watched.resource.plural} ${what}`);
  }
}

/** What is stored carries no revision; all else is the same. */
export function isContentOf(seen: ApiObject, stored: ApiObject | undefined): boolean {
  const { resourceVersion: _, ...metadata } = seen.metadata;
  return deepEqual(JSON.parse(JSON.stringify({ ...seen, metadata })), stored);
}

/** What a query selects, worked out apart from the server; undefined: beyond this witness. */
export function selectionOf(
  { type }: Resource,
  { labelSelector, fieldSelector }: Selection,
): ((object: ApiObject) => boolean) | undefined {
  if (VIEWS.has(type) || labelSelector) return undefined;
  if (!fieldSelector) return () => true;
  const [field, value, ...rest] = fieldSelector.split('=');
  if (rest.length > 0 || fieldSelector.includes(',')) return undefined;
  if (field === 'metadata.name') return ({ metadata }) => metadata.name === value;
  if (field === 'spec.nodeName') return (object) => (object as Pod).spec.nodeName === value;
  return undefined;
}
