// One proto field → Field.

import protobuf from 'protobufjs';
import type { FieldSchema, ListType, ScalarType } from '../schema.ts';
import type { Field } from './model.ts';
import { docOf, isSet, type Options, optionsOf, stringOption, wordsOption } from './options.ts';

export interface FieldContext {
  nameOf(type: protobuf.Type): string;
  /** Throws with the place of the field. */
  fail(message: string, field?: string): never;
}

const OPTIONS: ReadonlySet<string> = new Set([
  'required',
  'always',
  'default',
  'enum',
  'list_type',
  'list_map_keys',
  'patch_strategy',
  'merge_key',
  'map_type',
  'pointer',
  'inline',
]);

const SCALAR_BY_PROTO: Readonly<Record<string, ScalarType>> = {
  string: 'string',
  bool: 'boolean',
  int32: 'int32',
  int64: 'int64',
  double: 'double',
  bytes: 'bytes',
};

const LIST_TYPES: readonly ListType[] = ['atomic', 'set', 'map'];

const STRATEGIES: readonly FieldSchema['patchStrategy'][] = [
  'merge',
  'replace',
  'retainKeys',
  'merge,retainKeys',
  'replace,retainKeys',
];

export function parseField(field: protobuf.Field, context: FieldContext): Field {
  const options = optionsOf(field);
  for (const name of options.keys()) {
    if (!OPTIONS.has(name)) context.fail(`unknown option ${name}`, field.name);
  }
  const jsonName: unknown = field.options?.json_name;
  return {
    jsonName: typeof jsonName === 'string' ? jsonName : field.name,
    doc: docOf(field),
    inline: isSet(options, 'inline'),
    always: isSet(options, 'always'),
    schema: schemaOf(field, options, context),
  };
}

function schemaOf(field: protobuf.Field, options: Options, context: FieldContext): FieldSchema {
  const type = typeOf(field, context);
  const shape = field instanceof protobuf.MapField ? 'map' : field.repeated ? 'list' : 'one';
  const allowed = wordsOption(options, 'enum');
  const listMapKeys = wordsOption(options, 'list_map_keys');
  const patchMergeKey = stringOption(options, 'merge_key');
  const schema: FieldSchema = {
    number: field.id,
    type,
    shape,
    ...(isSet(options, 'required') && { required: true }),
    ...(options.has('default') && { default: defaultOf(field, options, { type, shape, context }) }),
    ...(allowed !== undefined && { enum: allowed }),
    ...listTypeOf(field, options, context),
    ...(listMapKeys !== undefined && { listMapKeys }),
    ...mapTypeOf(field, options, context),
    ...strategyOf(field, options, context),
    ...(patchMergeKey !== undefined && { patchMergeKey }),
    ...(isSet(options, 'pointer') && { pointer: true }),
  };
  if (schema.listType === 'map' && listMapKeys === undefined) {
    context.fail(`${field.name}: a map list needs list_map_keys`, field.name);
  }
  return schema;
}

function typeOf(field: protobuf.Field, context: FieldContext): FieldSchema['type'] {
  if (field instanceof protobuf.MapField && field.keyType !== 'string') {
    context.fail(`${field.name}: map keys must be strings`, field.name);
  }
  const scalar = SCALAR_BY_PROTO[field.type];
  if (scalar !== undefined) return scalar;
  const type = field.parent?.lookup(field.type, [protobuf.Type]);
  if (!(type instanceof protobuf.Type)) {
    return context.fail(`${field.name}: no such type: ${field.type}`, field.name);
  }
  const wrapped = stringOption(optionsOf(type), 'scalar') as ScalarType | undefined;
  return wrapped ?? { ref: context.nameOf(type) };
}

interface DefaultContext extends Pick<FieldSchema, 'type' | 'shape'> {
  readonly context: FieldContext;
}

/** Plain text for single strings and quantities, JSON for all else. */
function defaultOf(field: protobuf.Field, options: Options, of: DefaultContext): unknown {
  const text = stringOption(options, 'default') ?? '';
  if (of.shape === 'one' && (of.type === 'string' || of.type === 'quantity')) return text;
  try {
    return JSON.parse(text);
  } catch {
    return of.context.fail(`${field.name}: default is not JSON: ${text}`, field.name);
  }
}

function listTypeOf(field: protobuf.Field, options: Options, context: FieldContext) {
  const given = stringOption(options, 'list_type');
  if (given === undefined) return {};
  const listType = LIST_TYPES.find((known) => known === given);
  if (listType === undefined) return context.fail(`unknown list type ${given}`, field.name);
  const isList = field.repeated || field.type === 'bytes';
  if (!isList) return context.fail(`${field.name}: list type of a non-list`, field.name);
  return { listType };
}

function mapTypeOf(field: protobuf.Field, options: Options, context: FieldContext) {
  const given = stringOption(options, 'map_type');
  if (given === undefined) return {};
  if (given !== 'atomic') return context.fail(`unknown map type ${given}`, field.name);
  return { mapType: 'atomic' as const };
}

function strategyOf(field: protobuf.Field, options: Options, context: FieldContext) {
  const given = stringOption(options, 'patch_strategy');
  if (given === undefined) return {};
  const patchStrategy = STRATEGIES.find((known) => known === given);
  if (patchStrategy === undefined) return context.fail(`unknown strategy ${given}`, field.name);
  return { patchStrategy };
}
