// All that ever happened in the store, in order: the truth that checkers compare everything with.

import type { Entry, StoreEvent } from '../../apiserver/store/store.ts';
import type { ApiObject } from '../../proto/resource.ts';

/** What a key became at one revision. */
export interface Version {
  readonly key: string;
  readonly revision: number;
  /** Undefined: deleted. Without a resourceVersion; parsed on first use. */
  readonly object: ApiObject | undefined;
  readonly previous: Version | undefined;
}

export class History {
  readonly #versions: Version[] = [];
  readonly #byFolder = new Map<string, Version[]>();
  readonly #byKey = new Map<string, Version[]>();
  readonly #watchers = new Set<(version: Version) => void>();
  readonly #complain: (violation: string) => void;
  #revision = 1;

  constructor(complain: (violation: string) => void) {
    this.#complain = complain;
  }

  get revision(): number {
    return this.#revision;
  }

  get versions(): readonly Version[] {
    return this.#versions;
  }

  /** Called for every version from now on, at the moment it is written. */
  onVersion(watcher: (version: Version) => void): void {
    this.#watchers.add(watcher);
  }

  record(event: StoreEvent): void {
    const key = event.type === 'put' ? event.entry.key : event.key;
    const entry = event.type === 'put' ? event.entry : undefined;
    const revision = event.type === 'put' ? event.entry.revision : event.revision;
    const before = listIn(this.#byKey, key);
    const version = new StoredVersion(key, revision, { entry, previous: before.at(-1) });
    this.#revision = revision;
    before.push(version);
    listIn(this.#byFolder, folderOf(key)).push(version);
    this.#versions.push(version);
    for (const watcher of this.#watchers) this.#tell(watcher, version);
  }

  /** Whoever writes must not suffer from a checker's bug, nor hide it. */
  #tell(watcher: (version: Version) => void, version: Version): void {
    try {
      watcher(version);
    } catch (error) {
      this.#complain(`a checker failed: ${error instanceof Error ? error.stack : error}`);
    }
  }

  /** Versions of all keys of one resource, oldest first; `prefix` is at least its folder. */
  under(prefix: string): readonly Version[] {
    return this.#byFolder.get(folderOf(prefix)) ?? [];
  }

  of(key: string): readonly Version[] {
    return this.#byKey.get(key) ?? [];
  }

  /** As it stood at this revision; absent: now. */
  at(key: string, revision = this.#revision): ApiObject | undefined {
    return this.of(key).findLast((version) => version.revision <= revision)?.object;
  }

  /** What exists under a prefix at this revision, by key. */
  state(prefix: string, revision = this.#revision): ReadonlyMap<string, Version> {
    const state = new Map<string, Version>();
    for (const version of this.under(prefix)) {
      if (version.revision > revision) break;
      if (!version.key.startsWith(prefix)) continue;
      if (version.object === undefined) state.delete(version.key);
      else state.set(version.key, version);
    }
    return state;
  }

  objects<T extends ApiObject>(prefix: string): readonly T[] {
    return [...this.state(prefix).values()].map(({ object }) => object as T);
  }

  /** Prefixes of all resources that something was ever written of. */
  get folders(): readonly string[] {
    return [...this.#byFolder.keys()];
  }
}

class StoredVersion implements Version {
  readonly key: string;
  readonly revision: number;
  readonly previous: Version | undefined;
  readonly #entry: Entry | undefined;
  #object: ApiObject | undefined;

  constructor(
    key: string,
    revision: number,
    { entry, previous }: { entry: Entry | undefined; previous: Version | undefined },
  ) {
    this.key = key;
    this.revision = revision;
    this.previous = previous;
    this.#entry = entry;
  }

  get object(): ApiObject | undefined {
    const value = this.#entry?.value;
    if (value === undefined || value.length === 0) return undefined;
    this.#object ??= JSON.parse(new TextDecoder().decode(value)) as ApiObject;
    return this.#object;
  }
}

/** `/registry/<group>/<plural>/` */
function folderOf(key: string): string {
  const parts = key.split('/', 4);
  return `${parts.join('/')}/`;
}

function listIn(map: Map<string, Version[]>, key: string): Version[] {
  const list = map.get(key) ?? [];
  if (list.length === 0) map.set(key, list);
  return list;
}
