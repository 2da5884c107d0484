// One JSON scalar → its wire form. Several are messages on the wire (see ScalarType).

import type protobuf from 'protobufjs/minimal.js';
import type { ScalarType } from '../schema.ts';
import { parseDuration } from './duration.ts';
import { EncodeError } from './errors.ts';
import { parseTimestamp } from './timestamp.ts';

export const VARINT = 0;
export const FIXED64 = 1;
export const LENGTH_DELIMITED = 2;

export function wireTypeOf(type: ScalarType): number {
  if (type === 'boolean' || type === 'int32' || type === 'int64') return VARINT;
  return type === 'double' ? FIXED64 : LENGTH_DELIMITED;
}

type Encoder = (value: unknown, writer: protobuf.Writer, path: string) => void;

const encodeTime: Encoder = (value, writer, path) => {
  const at = parseTimestamp(textOf(value, path));
  if (at === undefined) throw new EncodeError(`${path}: not an RFC 3339 time`);
  writer.fork().uint32(tag(1, VARINT)).int64(at.seconds);
  writer.uint32(tag(2, VARINT)).int32(at.nanos).ldelim();
};

const encodeJson: Encoder = (value, writer) => {
  writer
    .fork()
    .uint32(tag(1, LENGTH_DELIMITED))
    .bytes(Buffer.from(JSON.stringify(value)))
    .ldelim();
};

const ENCODERS: Readonly<Record<ScalarType, Encoder>> = {
  string: (value, writer, path) => writer.string(textOf(value, path)),
  boolean: (value, writer, path) => {
    if (typeof value !== 'boolean') throw new EncodeError(`${path}: not a boolean`);
    writer.bool(value);
  },
  int32: (value, writer, path) => writer.int32(wholeOf(value, path)),
  int64: (value, writer, path) => writer.int64(wholeOf(value, path)),
  double: (value, writer, path) => {
    if (typeof value !== 'number') throw new EncodeError(`${path}: not a number`);
    writer.double(value);
  },
  bytes: (value, writer, path) => writer.bytes(Buffer.from(textOf(value, path), 'base64')),
  quantity: (value, writer, path) => {
    const text = typeof value === 'number' ? String(value) : textOf(value, path);
    writer.fork().uint32(tag(1, LENGTH_DELIMITED)).string(text).ldelim();
  },
  intOrString: (value, writer, path) => {
    const isText = typeof value === 'string';
    writer
      .fork()
      .uint32(tag(1, VARINT))
      .int64(isText ? 1 : 0);
    writer.uint32(tag(2, VARINT)).int32(isText ? 0 : wholeOf(value, path));
    writer
      .uint32(tag(3, LENGTH_DELIMITED))
      .string(isText ? value : '')
      .ldelim();
  },
  time: encodeTime,
  microTime: encodeTime,
  duration: (value, writer, path) => {
    const ns = parseDuration(textOf(value, path));
    if (ns === undefined) throw new EncodeError(`${path}: not a duration`);
    writer.fork().uint32(tag(1, VARINT)).int64(ns).ldelim();
  },
  fieldsV1: encodeJson,
  rawJson: encodeJson,
  stringList: (value, writer, path) => {
    if (!Array.isArray(value)) throw new EncodeError(`${path}: not a list`);
    writer.fork();
    for (const item of value) writer.uint32(tag(1, LENGTH_DELIMITED)).string(textOf(item, path));
    writer.ldelim();
  },
};

/** Writes the value only: its tag stands before it already. */
export function encodeScalar(
  type: ScalarType,
  value: unknown,
  writer: protobuf.Writer,
  path: string,
): void {
  ENCODERS[type](value, writer, path);
}

const tag = (number: number, wireType: number): number => (number << 3) | wireType;

function textOf(value: unknown, path: string): string {
  if (typeof value === 'string') return value;
  throw new EncodeError(`${path}: not a string`);
}

function wholeOf(value: unknown, path: string): number {
  if (typeof value === 'number' && Number.isInteger(value)) return value;
  throw new EncodeError(`${path}: not a whole number`);
}
