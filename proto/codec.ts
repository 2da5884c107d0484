// The protobuf side of the API: objects stay JSON, and are translated where a client speaks
// `application/vnd.kubernetes.protobuf`. A body is the envelope around one encoded object:
//
//   "k8s\0"  Unknown { typeMeta { apiVersion, kind }, raw = the object's message }

import { decodeMessage } from './wire/decode.ts';
import { encodeMessage } from './wire/encode.ts';
import { DecodeError } from './wire/errors.ts';

export { DecodeError, EncodeError } from './wire/errors.ts';

const MAGIC = Buffer.from('k8s\0');
const UNKNOWN = 'io.k8s.apimachinery.pkg.runtime.Unknown';

/** `type` is a full message name, e.g. `io.k8s.api.core.v1.Pod`. Throws EncodeError. */
export function encode(type: string, object: object): Uint8Array {
  return encodeMessage(type, object);
}

/** The object as JSON has it, but for apiVersion and kind, which the wire leaves out. */
export function decode(type: string, bytes: Uint8Array): object {
  return decodeMessage(type, bytes);
}

export interface Envelope {
  readonly apiVersion: string;
  readonly kind: string;
  /** The object's message: pass it to `decode`. */
  readonly raw: Uint8Array;
}

export interface EnvelopeHead {
  readonly apiVersion: string;
  readonly kind: string;
  readonly type: string;
}

export function encodeEnvelope(head: EnvelopeHead, object: object): Uint8Array {
  const { apiVersion, kind, type } = head;
  const raw = Buffer.from(encode(type, object)).toString('base64');
  const unknown = { typeMeta: { apiVersion, kind }, raw, contentEncoding: '', contentType: '' };
  return Buffer.concat([MAGIC, encode(UNKNOWN, unknown)]);
}

/** Throws DecodeError when the bytes are no envelope, or its content is compressed. */
export function decodeEnvelope(bytes: Uint8Array): Envelope {
  if (!MAGIC.equals(bytes.subarray(0, MAGIC.length))) {
    throw new DecodeError('the body does not begin like a protobuf object');
  }
  const unknown = decode(UNKNOWN, bytes.subarray(MAGIC.length)) as {
    typeMeta?: { apiVersion?: string; kind?: string };
    raw?: string;
    contentEncoding?: string;
  };
  if (unknown.contentEncoding !== undefined) {
    throw new DecodeError(`content encoding ${unknown.contentEncoding} is not supported`);
  }
  return {
    apiVersion: unknown.typeMeta?.apiVersion ?? '',
    kind: unknown.typeMeta?.kind ?? '',
    raw: Buffer.from(unknown.raw ?? '', 'base64'),
  };
}
