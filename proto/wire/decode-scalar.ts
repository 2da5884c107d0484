// The wire form of one scalar → JSON. `undefined` stands for absent, as in an unset time.

import protobuf from 'protobufjs/minimal.js';
import type { ScalarType } from '../schema.ts';
import { formatDuration } from './duration.ts';
import { DecodeError } from './errors.ts';
import { formatTimestamp } from './timestamp.ts';

/** The fields of a small wire message: by number, the numbers and bytes that came last. */
interface Parts {
  readonly isEmpty: boolean;
  readonly numbers: ReadonlyMap<number, number>;
  readonly bytes: ReadonlyMap<number, readonly Uint8Array[]>;
}

type Decoder = (reader: protobuf.Reader) => unknown;

const decodeTime =
  (type: 'time' | 'microTime'): Decoder =>
  (reader) => {
    const { isEmpty, numbers } = readParts(reader);
    if (isEmpty) return undefined;
    const at = { seconds: numbers.get(1) ?? 0, nanos: numbers.get(2) ?? 0 };
    const text = formatTimestamp(at, type);
    if (text === undefined) throw new DecodeError(`time out of range: ${at.seconds} s`);
    return text;
  };

const decodeJson: Decoder = (reader) => {
  const raw = bytesAt(readParts(reader), 1);
  if (raw === undefined || raw.length === 0) return undefined;
  try {
    return JSON.parse(utf8Of(raw));
  } catch (cause) {
    throw new DecodeError('an embedded value is not JSON', { cause });
  }
};

const DECODERS: Readonly<Record<ScalarType, Decoder>> = {
  string: (reader) => reader.string(),
  boolean: (reader) => reader.bool(),
  int32: (reader) => reader.int32(),
  int64: (reader) => numberOf(reader.int64()),
  double: (reader) => reader.double(),
  bytes: (reader) => Buffer.from(reader.bytes()).toString('base64'),
  quantity: (reader) => textAt(readParts(reader), 1),
  intOrString: (reader) => {
    const parts = readParts(reader);
    return parts.numbers.get(1) === 1 ? textAt(parts, 3) : (parts.numbers.get(2) ?? 0);
  },
  time: decodeTime('time'),
  microTime: decodeTime('microTime'),
  duration: (reader) => {
    const { isEmpty, numbers } = readParts(reader);
    return isEmpty ? undefined : formatDuration(numbers.get(1) ?? 0);
  },
  fieldsV1: decodeJson,
  rawJson: decodeJson,
  stringList: (reader) => (readParts(reader).bytes.get(1) ?? []).map(utf8Of),
};

export function decodeScalar(type: ScalarType, reader: protobuf.Reader): unknown {
  return DECODERS[type](reader);
}

function readParts(outer: protobuf.Reader): Parts {
  const content = outer.bytes();
  const numbers = new Map<number, number>();
  const bytes = new Map<number, Uint8Array[]>();
  const reader = protobuf.Reader.create(content);
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    const number = tag >>> 3;
    if ((tag & 7) === 0) {
      numbers.set(number, numberOf(reader.int64()));
    } else if ((tag & 7) === 2) bytes.set(number, [...(bytes.get(number) ?? []), reader.bytes()]);
    else reader.skipType(tag & 7);
  }
  return { isEmpty: content.length === 0, numbers, bytes };
}

const bytesAt = (parts: Parts, number: number): Uint8Array | undefined =>
  parts.bytes.get(number)?.at(-1);

const textAt = (parts: Parts, number: number): string => utf8Of(bytesAt(parts, number) ?? EMPTY);

const EMPTY = new Uint8Array(0);

const utf8Of = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8');

/** 64-bit numbers come as two halves. Past 2^53 they lose their last digits, as in JSON. */
const numberOf = (value: number | { readonly low: number; readonly high: number }): number =>
  typeof value === 'number' ? value : value.high * 2 ** 32 + (value.low >>> 0);
