// JSON body → object as the API knows it, in place, in one walk:
//
//   check types → prune unknown fields → drop nulls and empty values → canonical quantities, times
//     → static defaults (where their parent exists)
//
// Each message is compiled once; a 3 KB pod takes a few microseconds.

import type { FieldSchema, SchemaTables } from '../../proto/schema.ts';
import { DecodeError, goNameOf, mismatch, NORMALIZE } from './scalars.ts';
import { compileOnDemand, onceEach, shortNameOf } from './table.ts';

/** More unknown fields than anybody reads; the walk goes on without noting them. */
const UNKNOWN_MAX = 100;

export interface Decoded {
  /** Paths of the fields that were pruned, as `spec.containers[0].imagee`. */
  readonly unknown: readonly string[];
}

/**
 * Changes `body` in place. Throws DecodeError where a value has the wrong type. What a client
 * applies is `partial`: no defaults come into it, and its nulls and empty values stay.
 */
export type Decoder = (body: Record<string, unknown>, extent?: 'partial') => Decoded;

export { DecodeError };

/** `decoderOf(type)` compiles on first use. */
export function schemaDecoders(tables: SchemaTables): (type: string) => Decoder {
  const messageOf = compileOnDemand<Message>(
    tables,
    ({ name }) => ({ short: shortNameOf(name), fields: new Map(), defaults: [] }),
    fillMessage,
  );
  return onceEach((type) => {
    const message = messageOf(type);
    return (body, extent) => {
      const walk: Walk = { path: [], unknown: [], isPartial: extent === 'partial' };
      walkMessage(message, body, walk);
      return { unknown: walk.unknown };
    };
  });
}

interface Walk {
  readonly path: (string | number)[];
  readonly unknown: string[];
  readonly isPartial: boolean;
}

/** Answers the value to keep; undefined drops the field. */
type Visit = (value: unknown, walk: Walk) => unknown;

interface Message {
  readonly short: string;
  readonly fields: Map<string, Visit>;
  readonly defaults: { readonly name: string; readonly make: () => unknown }[];
}

function fillMessage(
  message: Message,
  { fields, gvk }: SchemaTables[string] & object,
  messageOf: (type: string) => Message,
): void {
  for (const [name, field] of Object.entries(fields)) {
    message.fields.set(name, visitorOf(field, message.short, messageOf));
    const isSpec = gvk !== undefined && name === 'spec';
    const value = field.default ?? (isAlwaysThere(field, isSpec) ? {} : undefined);
    if (value === undefined) continue;
    const child = typeof field.type === 'object' ? messageOf(field.type.ref) : undefined;
    message.defaults.push({ name, make: defaultOf(value, child) });
  }
}

/** A struct that Go holds by value: absent, it is empty, and what it lacks is a fault of its own. */
const isAlwaysThere = ({ type, shape, required, pointer }: FieldSchema, isSpec: boolean): boolean =>
  typeof type === 'object' && shape === 'one' && !pointer && (required === true || isSpec);

function defaultOf(value: unknown, child: Message | undefined): () => unknown {
  if (typeof value !== 'object' || value === null) return () => value;
  if (Array.isArray(value)) return () => [...value];
  return () => {
    const object: Record<string, unknown> = { ...value };
    // Defaults of a defaulted parent count as well.
    if (child) setDefaults(child, object);
    return object;
  };
}

function setDefaults(message: Message, object: Record<string, unknown>): void {
  for (const { name, make } of message.defaults) {
    if (object[name] === undefined) object[name] = make();
  }
}

function walkMessage(message: Message, object: Record<string, unknown>, walk: Walk): void {
  const { path } = walk;
  const { fields } = message;
  for (const name in object) {
    const visit = fields.get(name);
    if (visit === undefined) {
      if (walk.unknown.length < UNKNOWN_MAX) walk.unknown.push(pathText(path, name));
      delete object[name];
      continue;
    }
    const before = object[name];
    if (before === null) {
      if (!walk.isPartial) delete object[name];
      continue;
    }
    path.push(name);
    const after = visit(before, walk);
    path.pop();
    if (after === undefined) delete object[name];
    else if (after !== before) object[name] = after;
  }
  if (!walk.isPartial) setDefaults(message, object);
}

function visitorOf(
  field: FieldSchema,
  struct: string,
  messageOf: (type: string) => Message,
): Visit {
  const one = itemVisitorOf(field, struct, messageOf);
  if (field.shape === 'list') return listVisitor(one, field, struct);
  if (field.shape === 'map') return mapVisitor(one, field, struct);
  const isKept = field.pointer === true || field.required === true || !isPlain(field.type);
  if (isKept) return one;
  // What Go calls omitempty: an empty text, 0 and false mean absent, and are not stored.
  return (value, walk) => {
    const after = one(value, walk);
    if (walk.isPartial) return after;
    return after === '' || after === 0 || after === false ? undefined : after;
  };
}

const isPlain = (type: FieldSchema['type']): boolean =>
  typeof type === 'string' && /^(?:string|boolean|int32|int64|double|bytes)$/.test(type);

function itemVisitorOf(
  { type }: FieldSchema,
  struct: string,
  messageOf: (type: string) => Message,
): Visit {
  const goType = goTypeOf(type);
  if (typeof type === 'string') {
    const normalize = NORMALIZE[type];
    return (value, walk) => normalize(value, () => structField(struct, walk));
  }
  const message = messageOf(type.ref);
  return (value, walk) => {
    if (typeof value !== 'object' || Array.isArray(value) || value === null) {
      throw mismatch(value, goType, () => structField(struct, walk));
    }
    walkMessage(message, value as Record<string, unknown>, walk);
    return value;
  };
}

function listVisitor(one: Visit, field: FieldSchema, struct: string): Visit {
  const goType = `[]${goTypeOf(field.type)}`;
  return (value, walk) => {
    if (!Array.isArray(value)) throw mismatch(value, goType, () => structField(struct, walk));
    if (value.length === 0 && isDropped(field, walk)) return undefined;
    const { path } = walk;
    for (let index = 0; index < value.length; index++) {
      path.push(index);
      value[index] = one(value[index], walk);
      path.pop();
    }
    return value;
  };
}

function mapVisitor(one: Visit, field: FieldSchema, struct: string): Visit {
  const goType = `map[string]${goTypeOf(field.type)}`;
  // Go reads a null in a map as the zero value.
  const zero = () => (typeof field.type === 'object' ? {} : field.type === 'quantity' ? '0' : '');
  return (value, walk) => {
    if (typeof value !== 'object' || Array.isArray(value) || value === null) {
      throw mismatch(value, goType, () => structField(struct, walk));
    }
    const map = value as Record<string, unknown>;
    let size = 0;
    for (const key in map) {
      size++;
      const before = map[key];
      if (before === null && walk.isPartial) continue;
      walk.path.push(key);
      const after = one(before === null ? zero() : before, walk);
      walk.path.pop();
      // Not `map[key] = …` for every key: `__proto__` may be one, and is left as it is.
      if (after !== before) Object.defineProperty(map, key, { ...PLAIN_PROPERTY, value: after });
    }
    return size === 0 && isDropped(field, walk) ? undefined : map;
  };
}

const isDropped = ({ required, pointer }: FieldSchema, { isPartial }: Walk): boolean =>
  !required && !pointer && !isPartial;

const PLAIN_PROPERTY = { configurable: true, enumerable: true, writable: true };

const goTypeOf = (type: FieldSchema['type']): string =>
  typeof type === 'string' ? goNameOf(type) : type.ref.split('.').slice(-2).join('.');

/** Go names the struct around the field, then the way to it without positions. */
const structField = (struct: string, { path }: Walk): string =>
  [struct, ...path.filter((step) => typeof step === 'string')].join('.');

export function pathText(path: readonly (string | number)[], last?: string): string {
  let text = '';
  for (const step of path) {
    text += typeof step === 'number' ? `[${step}]` : text === '' ? step : `.${step}`;
  }
  return last === undefined ? text : text === '' ? last : `${text}.${last}`;
}
