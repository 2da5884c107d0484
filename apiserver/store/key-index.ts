// Which revisions each key has had: all of the embedded store's index, in memory, as etcd keeps it.
// Values stay on disk, by revision; this says which row is a key's value now or at a revision.
//
//   /registry/core/pods/ns/a   r9 ──older──► r7 ──► r3      (newest first)
//   /registry/core/pods/ns/b   r8 deleted ──► r5

import { SortedKeys } from './sorted-keys.ts';
import type { StoreKey } from './store.ts';

export interface Version {
  readonly revision: number;
  readonly isDelete: boolean;
  older: Version | undefined;
}

/** A write that makes rows superfluous as soon as history is forgotten up to it. */
interface Garbage {
  readonly key: StoreKey;
  readonly version: Version;
}

/** Keeps the dead head of the garbage queue from growing without end. */
const DEAD_HEAD_MAX = 4096;

export class KeyIndex {
  readonly #heads = new Map<StoreKey, Version>();
  readonly #keys = new SortedKeys();
  /** Those of them whose newest version is a delete. */
  readonly #dead = new SortedKeys();
  /** The last write that made a key appear or vanish. */
  #changedAt = 0;
  #garbage: Garbage[] = [];
  #garbageAt = 0;

  /** The newest version, unless it is a delete. */
  latest(key: StoreKey): Version | undefined {
    const head = this.#heads.get(key);
    return head === undefined || head.isDelete ? undefined : head;
  }

  at(key: StoreKey, revision: number): Version | undefined {
    let version = this.#heads.get(key);
    while (version !== undefined && version.revision > revision) version = version.older;
    return version === undefined || version.isDelete ? undefined : version;
  }

  /** Keys of the prefix in order, living or lately dead. */
  keys(prefix: StoreKey, after?: StoreKey): Iterable<StoreKey> {
    return this.#keys.withPrefix(prefix, after);
  }

  /** How many living keys lie behind this one; undefined: only going through them would tell. */
  countBehind(prefix: StoreKey, after: StoreKey, revision: number): number | undefined {
    if (revision < this.#changedAt) return undefined;
    return this.#keys.countBehind(prefix, after) - this.#dead.countBehind(prefix, after);
  }

  /** Revisions must come in order. */
  record(key: StoreKey, revision: number, isDelete: boolean): void {
    const older = this.#heads.get(key);
    const version = { revision, isDelete, older };
    this.#heads.set(key, version);
    if (older === undefined) this.#keys.add(key);
    if (older === undefined || older.isDelete !== isDelete) this.#changedAt = revision;
    if (isDelete) this.#dead.add(key);
    else if (older?.isDelete) this.#dead.delete(key);
    if (older !== undefined || isDelete) this.#garbage.push({ key, version });
  }

  /**
   * Forgets what only revisions before this one could see, at most so many writes at a time.
   * Answers the rows to remove, in an order in which no prefix of it can bring a deleted key back.
   */
  forget(revision: number, countMax: number): readonly number[] {
    const rows: number[] = [];
    for (let count = 0; count < countMax; count++) {
      const garbage = this.#garbage[this.#garbageAt];
      if (garbage === undefined || garbage.version.revision > revision) break;
      this.#garbageAt++;
      this.#drop(garbage, rows);
    }
    if (this.#garbageAt > DEAD_HEAD_MAX) {
      this.#garbage = this.#garbage.slice(this.#garbageAt);
      this.#garbageAt = 0;
    }
    return rows;
  }

  #drop({ key, version }: Garbage, rows: number[]): void {
    if (version.older !== undefined) rows.push(version.older.revision);
    version.older = undefined;
    if (!version.isDelete) return;
    rows.push(version.revision);
    if (this.#heads.get(key) !== version) return;
    this.#heads.delete(key);
    this.#keys.delete(key);
    this.#dead.delete(key);
  }
}
