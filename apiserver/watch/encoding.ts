// Objects as bytes. Stored: canonical JSON `{"kind":…,"apiVersion":…,"metadata":{…` without a
// revision, for it is known only once written. On the wire: the same with
// `"resourceVersion":"<revision>",` spliced in. Bytes are kept once; objects are parsed on demand.

import { invariant } from '../../machinery/errors.ts';
import type { ApiObject } from '../../proto/resource.ts';
import type { Encoded } from '../registry/registry.ts';

const METADATA = '"metadata":{';
const REVISION = '"resourceVersion":"';
const CLOSING_BRACE = 0x7d;

/** A copy in memory of its own, so that a page of the store's answer is not kept alive by it. */
export function withRevision(value: Uint8Array, revision: number): Buffer {
  const source = asBuffer(value);
  const at = behindMetadata(source);
  return spliced(source, { from: at, to: at }, revision);
}

/** The same object under another revision: deletes carry the revision of the delete. */
export function rerevised(bytes: Uint8Array, revision: number): Buffer {
  const source = asBuffer(bytes);
  const from = behindMetadata(source);
  if (!source.toString('latin1', from, from + REVISION.length).startsWith(REVISION)) {
    return spliced(source, { from, to: from }, revision);
  }
  const quote = source.indexOf('"', from + REVISION.length);
  const to = source[quote + 1] === CLOSING_BRACE ? quote + 1 : quote + 2;
  return spliced(source, { from, to }, revision);
}

function spliced(
  source: Buffer,
  { from, to }: { readonly from: number; readonly to: number },
  revision: number,
): Buffer {
  const comma = source[to] === CLOSING_BRACE ? '' : ',';
  const insert = `${REVISION}${revision}"${comma}`;
  const target = Buffer.allocUnsafeSlow(source.length - (to - from) + insert.length);
  source.copy(target, 0, 0, from);
  target.write(insert, from, 'latin1');
  source.copy(target, from + insert.length, to);
  return target;
}

function behindMetadata(source: Buffer): number {
  const at = source.indexOf(METADATA);
  invariant(at >= 0, 'a stored object has no metadata');
  return at + METADATA.length;
}

/** Of a stored value. */
export const encodedOf = (value: Uint8Array, revision: number, parsed?: ParsedPool): Encoded =>
  new EncodedObject(withRevision(value, revision), revision, parsed);

/** Of what is on the wire already, revision and all. */
export const encodedOfWire = (bytes: Uint8Array, revision: number, parsed?: ParsedPool): Encoded =>
  new EncodedObject(bytes, revision, parsed);

class EncodedObject implements Encoded {
  readonly bytes: Uint8Array;
  readonly revision: number;
  readonly #parsed: ParsedPool | undefined;
  #object: ApiObject | undefined;

  constructor(bytes: Uint8Array, revision: number, parsed: ParsedPool | undefined) {
    this.bytes = bytes;
    this.revision = revision;
    this.#parsed = parsed;
  }

  get object(): ApiObject {
    if (this.#object === undefined) {
      this.#object = JSON.parse(asBuffer(this.bytes).toString()) as ApiObject;
      this.#parsed?.keep(this);
    }
    return this.#object;
  }

  forget(): void {
    this.#object = undefined;
  }
}

/** Bounds how much is kept parsed: beyond it the oldest go back to being bytes. */
export class ParsedPool {
  readonly #bytesMax: number;
  #kept: EncodedObject[] = [];
  #at = 0;
  #bytes = 0;

  /** Measured in encoded bytes; an object takes about three times that. */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  keep(item: EncodedObject): void {
    this.#kept.push(item);
    this.#bytes += item.bytes.length;
    while (this.#bytes > this.#bytesMax && this.#at < this.#kept.length - 1) {
      const oldest = this.#kept[this.#at++]!;
      this.#bytes -= oldest.bytes.length;
      oldest.forget();
    }
    if (this.#at > 1024 && this.#at * 2 > this.#kept.length) {
      this.#kept = this.#kept.slice(this.#at);
      this.#at = 0;
    }
  }
}

const asBuffer = (value: Uint8Array): Buffer =>
  Buffer.isBuffer(value) ? value : Buffer.from(value.buffer, value.byteOffset, value.byteLength);
