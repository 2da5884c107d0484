// JSON object → protobuf bytes, by the schema tables.

import protobuf from 'protobufjs/minimal.js';
import type { FieldSchema } from '../schema.ts';
import { encodeScalar, LENGTH_DELIMITED, wireTypeOf } from './encode-scalar.ts';
import { DEPTH_MAX, EncodeError } from './errors.ts';
import { type FieldNode, type Plan, planOf } from './plan.ts';

type JsonObject = Readonly<Record<string, unknown>>;

interface Place {
  /** As in error messages: `spec.containers`. */
  readonly path: string;
  readonly depth: number;
}

export function encodeMessage(type: string, object: object): Uint8Array {
  const writer = protobuf.Writer.create();
  writeMessage(type, object, writer, { path: '', depth: 0 });
  return writer.finish();
}

function writeMessage(type: string, value: unknown, writer: protobuf.Writer, place: Place): void {
  const plan = planOf(type);
  if (plan === undefined) throw new EncodeError(`no such type: ${type}`);
  if (place.depth > DEPTH_MAX) throw new EncodeError(`${place.path}: nested too deeply`);
  writePlan(plan, objectOf(value, place), writer, place);
}

function writePlan(plan: Plan, object: JsonObject, writer: protobuf.Writer, place: Place): void {
  for (const node of plan.nodes) {
    if (node.is === 'field') {
      const value = object[node.name];
      if (value === undefined || value === null) continue;
      const path = place.path === '' ? node.name : `${place.path}.${node.name}`;
      writeField(node, value, writer, { path, depth: place.depth + 1 });
    } else if (hasAny(node.plan, object)) {
      writer.uint32((node.number << 3) | LENGTH_DELIMITED).fork();
      writePlan(node.plan, object, writer, place);
      writer.ldelim();
    }
  }
}

const hasAny = (plan: Plan, object: JsonObject): boolean =>
  plan.nodes.some((node) =>
    node.is === 'group' ? hasAny(node.plan, object) : object[node.name] !== undefined,
  );

function writeField(node: FieldNode, value: unknown, writer: protobuf.Writer, place: Place): void {
  const { schema, number } = node;
  if (schema.shape === 'one') {
    writeValue({ ...tagOf(schema, number), value }, writer, place);
  } else if (schema.shape === 'list') {
    if (!Array.isArray(value)) throw new EncodeError(`${place.path}: not a list`);
    for (const item of value) writeValue({ ...tagOf(schema, number), value: item }, writer, place);
  } else {
    const entries = Object.entries(objectOf(value, place));
    entries.sort(([a], [b]) => (a < b ? -1 : 1));
    for (const [key, item] of entries) {
      writer.uint32((number << 3) | LENGTH_DELIMITED).fork();
      writer.uint32((1 << 3) | LENGTH_DELIMITED).string(key);
      writeValue({ ...tagOf(schema, 2), value: item }, writer, place);
      writer.ldelim();
    }
  }
}

interface Tagged {
  readonly number: number;
  readonly type: FieldSchema['type'];
  readonly value: unknown;
}

const tagOf = (schema: FieldSchema, number: number): Pick<Tagged, 'number' | 'type'> => ({
  number,
  type: schema.type,
});

function writeValue({ number, type, value }: Tagged, writer: protobuf.Writer, place: Place): void {
  if (typeof type === 'object') {
    writer.uint32((number << 3) | LENGTH_DELIMITED).fork();
    writeMessage(type.ref, value, writer, place);
    writer.ldelim();
  } else {
    writer.uint32((number << 3) | wireTypeOf(type));
    encodeScalar(type, value, writer, place.path);
  }
}

function objectOf(value: unknown, place: Place): JsonObject {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as JsonObject;
  }
  throw new EncodeError(`${place.path}: not an object`);
}
