// Protobuf bytes → JSON object, by the schema tables. Fields that no table knows are skipped.
//
// Upstream's encoder always writes fields that are no pointers, zero or not. So a zero value of
// such a field means "absent" here, as it does in upstream's JSON, unless the field is required.

import protobuf from 'protobufjs/minimal.js';
import type { FieldSchema } from '../schema.ts';
import { decodeScalar } from './decode-scalar.ts';
import { LENGTH_DELIMITED, wireTypeOf } from './encode-scalar.ts';
import { DEPTH_MAX, DecodeError } from './errors.ts';
import { type FieldNode, type Plan, planOf } from './plan.ts';

type JsonObject = Record<string, unknown>;

export function decodeMessage(type: string, bytes: Uint8Array): JsonObject {
  try {
    const reader = protobuf.Reader.create(bytes);
    return readMessage(type, reader, { end: reader.len, depth: 0 });
  } catch (cause) {
    if (cause instanceof DecodeError) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new DecodeError(`not a protobuf ${type}: ${reason}`, { cause });
  }
}

/** Where the message being read ends, and how deeply it is nested. */
interface Extent {
  readonly end: number;
  readonly depth: number;
}

function readMessage(type: string, reader: protobuf.Reader, extent: Extent): JsonObject {
  const plan = planOf(type);
  if (plan === undefined) throw new DecodeError(`no such type: ${type}`);
  const object: JsonObject = {};
  readPlan(plan, object, reader, extent);
  return object;
}

function readPlan(plan: Plan, object: JsonObject, reader: protobuf.Reader, extent: Extent): void {
  if (extent.depth > DEPTH_MAX) throw new DecodeError('nested too deeply');
  while (reader.pos < extent.end) {
    const tag = reader.uint32();
    const node = plan.byNumber.get(tag >>> 3);
    const wireType = tag & 7;
    if (node === undefined) reader.skipType(wireType);
    else if (node.is === 'field') readField(node, object, { reader, wireType, extent });
    else {
      expectType(wireType, LENGTH_DELIMITED);
      readPlan(node.plan, object, reader, innerExtent(reader, extent));
    }
  }
  if (reader.pos !== extent.end) throw new DecodeError('a field runs past its message');
}

interface At {
  readonly reader: protobuf.Reader;
  readonly wireType: number;
  readonly extent: Extent;
}

function readField(node: FieldNode, object: JsonObject, at: At): void {
  const { name, schema } = node;
  if (schema.shape === 'one') {
    const value = readValue(schema, at);
    if (isKept(schema, value)) object[name] = value;
    else delete object[name];
  } else if (schema.shape === 'list') {
    const list = (object[name] ?? []) as unknown[];
    readItems(schema, list, at);
    object[name] = list;
  } else {
    const map = (object[name] ?? {}) as JsonObject;
    readEntry(schema, map, at);
    object[name] = map;
  }
}

/** Whether upstream's JSON would show this value. */
function isKept(schema: FieldSchema, value: unknown): boolean {
  if (value === undefined) return false;
  if (schema.pointer === true || schema.required === true) return true;
  if (typeof value === 'object' && value !== null) return Object.keys(value).length > 0;
  return value !== '' && value !== 0 && value !== false && value !== null;
}

function readValue(schema: FieldSchema, at: At): unknown {
  const { type } = schema;
  expectType(at.wireType, typeof type === 'object' ? LENGTH_DELIMITED : wireTypeOf(type));
  if (typeof type !== 'object') return decodeScalar(type, at.reader);
  return readMessage(type.ref, at.reader, innerExtent(at.reader, at.extent));
}

/** Numbers may come packed: many in one field. */
function readItems(schema: FieldSchema, list: unknown[], at: At): void {
  const { reader } = at;
  const single = typeof schema.type === 'object' ? LENGTH_DELIMITED : wireTypeOf(schema.type);
  if (at.wireType === single || at.wireType !== LENGTH_DELIMITED) {
    list.push(readValue(schema, at));
    return;
  }
  const { end } = innerExtent(reader, at.extent);
  while (reader.pos < end) list.push(readValue(schema, { ...at, wireType: single }));
}

function readEntry(schema: FieldSchema, map: JsonObject, at: At): void {
  expectType(at.wireType, LENGTH_DELIMITED);
  const { reader } = at;
  const extent = innerExtent(reader, at.extent);
  let key = '';
  let value: unknown;
  while (reader.pos < extent.end) {
    const tag = reader.uint32();
    const wireType = tag & 7;
    if (tag >>> 3 === 1) {
      expectType(wireType, LENGTH_DELIMITED);
      key = reader.string();
    } else if (tag >>> 3 === 2) value = readValue(schema, { reader, wireType, extent });
    else reader.skipType(wireType);
  }
  // A plain assignment to `__proto__` would change the object's prototype.
  Object.defineProperty(map, key, {
    value: value ?? zeroOf(schema),
    enumerable: true,
    writable: true,
    configurable: true,
  });
}

/** An entry without a value has the type's zero value. */
function zeroOf({ type }: FieldSchema): unknown {
  if (typeof type === 'object') return {};
  if (type === 'stringList') return [];
  return type === 'quantity' ? '0' : '';
}

function innerExtent(reader: protobuf.Reader, outer: Extent): Extent {
  const length = reader.uint32();
  const end = reader.pos + length;
  if (end > outer.end) throw new DecodeError('a field runs past its message');
  return { end, depth: outer.depth + 1 };
}

function expectType(wireType: number, expected: number): void {
  if (wireType !== expected) {
    throw new DecodeError(`wire type ${wireType} where ${expected} belongs`);
  }
}
