// The stored form of an object: canonical JSON that begins `{"kind":…,"apiVersion":…,"metadata":{`
// and carries no resourceVersion: that is the store's revision, spliced in on the way out.

import type { ApiObject } from '../../proto/resource.ts';
import type { Entry } from '../store/store.ts';
import { encodedOf as encodedOfValue, withRevision } from '../watch/encoding.ts';
import type { Encoded } from './registry.ts';

export function encodeObject(object: ApiObject): Buffer {
  const { kind, apiVersion, metadata, ...rest } = object;
  const { resourceVersion: _, managedFields, ...others } = metadata;
  // Owners last, wherever a client put them: a write that changes nothing is known by its bytes.
  const stored = managedFields === undefined ? others : { ...others, managedFields };
  return Buffer.from(JSON.stringify({ kind, apiVersion, metadata: stored, ...rest }));
}

/** The answer to a write: the object is at hand, so nobody parses the bytes again. */
export function encodedOf(object: ApiObject, value: Uint8Array, revision: number): Encoded {
  object.metadata.resourceVersion = String(revision);
  return new Written(object, value, revision);
}

/** Its bytes are made when somebody asks: a binding, say, answers without them. */
class Written implements Encoded {
  readonly object: ApiObject;
  readonly revision: number;
  readonly #value: Uint8Array;
  #bytes: Uint8Array | undefined;

  constructor(object: ApiObject, value: Uint8Array, revision: number) {
    this.object = object;
    this.#value = value;
    this.revision = revision;
  }

  get bytes(): Uint8Array {
    this.#bytes ??= withRevision(this.#value, this.revision);
    return this.#bytes;
  }
}

/** True when this value, stored, would be what is stored already. */
export function isSame(value: Uint8Array, { bytes, revision }: Encoded): boolean {
  // What the revision adds is the same for both, so most differences show in the length.
  const added = `"resourceVersion":"${revision}",`.length;
  if (value.length + added !== bytes.length) return false;
  return Buffer.compare(withRevision(value, revision), bytes) === 0;
}

/** An answer that was never stored (dryRun, Scale): its bytes are as the object stands. */
export const unstored = (object: ApiObject, revision = 0): Encoded => ({
  bytes: Buffer.from(JSON.stringify(object)),
  revision,
  object,
});

/** A copy that the caller may change. */
export const privateCopy = ({ bytes }: Encoded): ApiObject =>
  JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'));

export const encodedOfEntry = ({ value, revision }: Entry): Encoded =>
  encodedOfValue(value, revision);
