// The objects of one resource by key, with indexes. Lists are built once and handed out until the
// next change; indexes that nobody asks for cost nothing.

import { invariant } from '../machinery/errors.ts';
import { keyOf } from '../machinery/object.ts';
import type { ApiObject } from '../proto/resource.ts';

export type IndexBy<T extends ApiObject> = (object: T) => readonly string[];

const NAMESPACE = ' namespace';
const NONE: readonly never[] = Object.freeze([]);

interface Bucket<T extends ApiObject> {
  readonly objects: Map<string, T>;
  /** Forgotten at each change. */
  list?: readonly T[] | undefined;
}

interface Index<T extends ApiObject> {
  readonly valuesOf: IndexBy<T>;
  /** Built when first asked. */
  buckets?: Map<string, Bucket<T>>;
}

export class ObjectCache<T extends ApiObject> {
  readonly #all: Bucket<T> = { objects: new Map() };
  readonly #indexes = new Map<string, Index<T>>();

  constructor(indexes: Readonly<Record<string, IndexBy<T>>> = {}) {
    for (const [name, valuesOf] of Object.entries(indexes)) this.addIndex(name, valuesOf);
    this.addIndex(NAMESPACE, ({ metadata: { namespace } }) => [namespace ?? '']);
  }

  get size(): number {
    return this.#all.objects.size;
  }

  addIndex(name: string, valuesOf: IndexBy<T>): void {
    if (!this.#indexes.has(name)) this.#indexes.set(name, { valuesOf });
  }

  get(key: string): T | undefined {
    return this.#all.objects.get(key);
  }

  keys(): Iterable<string> {
    return this.#all.objects.keys();
  }

  list(namespace?: string): readonly T[] {
    return namespace === undefined ? listOf(this.#all) : this.byIndex(NAMESPACE, namespace);
  }

  byIndex(name: string, value: string): readonly T[] {
    const index = this.#indexes.get(name);
    invariant(index, `no index is named ${name}`);
    index.buckets ??= this.#built(index.valuesOf);
    const bucket = index.buckets.get(value);
    return bucket === undefined ? NONE : listOf(bucket);
  }

  /** Answers the object that was there before. */
  set(object: T): T | undefined {
    const key = keyOf(object);
    const previous = this.#all.objects.get(key);
    put(this.#all, key, object);
    for (const { buckets, valuesOf } of this.#indexes.values()) {
      if (buckets === undefined) continue;
      if (previous !== undefined) unfile(buckets, valuesOf(previous), key);
      file(buckets, valuesOf(object), key, object);
    }
    return previous;
  }

  delete(key: string): T | undefined {
    const previous = this.#all.objects.get(key);
    if (previous === undefined) return undefined;
    this.#all.objects.delete(key);
    this.#all.list = undefined;
    for (const { buckets, valuesOf } of this.#indexes.values()) {
      if (buckets !== undefined) unfile(buckets, valuesOf(previous), key);
    }
    return previous;
  }

  #built(valuesOf: IndexBy<T>): Map<string, Bucket<T>> {
    const buckets = new Map<string, Bucket<T>>();
    for (const [key, object] of this.#all.objects) file(buckets, valuesOf(object), key, object);
    return buckets;
  }
}

function listOf<T extends ApiObject>(bucket: Bucket<T>): readonly T[] {
  bucket.list ??= [...bucket.objects.values()];
  return bucket.list;
}

function put<T extends ApiObject>(bucket: Bucket<T>, key: string, object: T): void {
  bucket.objects.set(key, object);
  bucket.list = undefined;
}

function file<T extends ApiObject>(
  buckets: Map<string, Bucket<T>>,
  values: readonly string[],
  key: string,
  object: T,
): void {
  for (const value of values) {
    const bucket = buckets.get(value) ?? { objects: new Map<string, T>() };
    put(bucket, key, object);
    buckets.set(value, bucket);
  }
}

function unfile<T extends ApiObject>(
  buckets: Map<string, Bucket<T>>,
  values: readonly string[],
  key: string,
): void {
  for (const value of values) {
    const bucket = buckets.get(value);
    if (bucket === undefined) continue;
    bucket.objects.delete(key);
    bucket.list = undefined;
    if (bucket.objects.size === 0) buckets.delete(value);
  }
}
