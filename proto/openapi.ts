// Schema tables → OpenAPI component schemas, as clients expect them of a Kubernetes API.
// Pure: what the server's paths look like is not known here.

import { DOCS } from './generated/docs.ts';
import { SCHEMA } from './generated/schema.ts';
import type { FieldSchema, MessageSchema, ScalarType } from './schema.ts';

/** v2 is the older `definitions` document; the two differ in how a reference may be written. */
export type Flavour = 'v3' | 'v2';

type Schema = Readonly<Record<string, unknown>>;

const META = 'io.k8s.apimachinery.pkg.apis.meta.v1';
const RAW_EXTENSION = 'io.k8s.apimachinery.pkg.runtime.RawExtension';

/** CRDs hold free JSON of any type there, where all others hold objects. */
const APIEXTENSIONS = 'io.k8s.apiextensions-apiserver.';

const INLINE_SCALARS: Readonly<Partial<Record<ScalarType, Schema>>> = {
  string: { type: 'string' },
  boolean: { type: 'boolean' },
  int32: { type: 'integer', format: 'int32' },
  int64: { type: 'integer', format: 'int64' },
  double: { type: 'number', format: 'double' },
  bytes: { type: 'string', format: 'byte' },
  stringList: { type: 'array', items: { type: 'string' } },
};

interface NamedScalar {
  readonly name: string;
  readonly v2: Schema;
  /** Where v3 can say more. */
  readonly v3?: Schema;
}

const INT_OR_STRING = { format: 'int-or-string', 'x-kubernetes-int-or-string': true };

/** Scalars with a component of their own, that fields refer to. */
const NAMED_SCALARS: Readonly<Partial<Record<ScalarType, NamedScalar>>> = {
  quantity: {
    name: 'io.k8s.apimachinery.pkg.api.resource.Quantity',
    v2: { type: 'string' },
    v3: { oneOf: [{ type: 'string' }, { type: 'number' }] },
  },
  intOrString: {
    name: 'io.k8s.apimachinery.pkg.util.intstr.IntOrString',
    v2: { type: 'string', ...INT_OR_STRING },
    v3: { oneOf: [{ type: 'integer' }, { type: 'string' }], ...INT_OR_STRING },
  },
  time: { name: `${META}.Time`, v2: { type: 'string', format: 'date-time' } },
  microTime: { name: `${META}.MicroTime`, v2: { type: 'string', format: 'date-time' } },
  duration: { name: `${META}.Duration`, v2: { type: 'string' } },
  fieldsV1: { name: `${META}.FieldsV1`, v2: { type: 'object' } },
  rawJson: { name: RAW_EXTENSION, v2: { type: 'object' } },
};

const TYPE_META_DOCS: Readonly<Record<string, string>> = {
  apiVersion: 'Group and version of the API that this object is written for, e.g. `apps/v1`.',
  kind: 'What this object is, e.g. `Deployment`.',
};

/**
 * Schemas of the given messages, of their list kinds, and of all that they reach, by full name.
 * Names that the tables do not have are left out.
 */
export function openApiSchemas(
  types: Iterable<string>,
  flavour: Flavour = 'v3',
): Record<string, object> {
  const schemas: Record<string, object> = {};
  const queue = [...types].flatMap((type) => [type, `${type}List`]);
  const need = (name: string): void => {
    if (!Object.hasOwn(schemas, name)) queue.push(name);
  };
  for (let type = queue.pop(); type !== undefined; type = queue.pop()) {
    if (Object.hasOwn(schemas, type)) continue;
    const message = SCHEMA[type];
    const scalar = Object.values(NAMED_SCALARS).find(({ name }) => name === type);
    if (message !== undefined) schemas[type] = messageSchema(message, { flavour, need });
    else if (scalar !== undefined) schemas[type] = scalarSchema(scalar, flavour);
  }
  return schemas;
}

interface Context {
  readonly flavour: Flavour;
  /** Asks for the component that a reference points to. */
  need(name: string): void;
}

function scalarSchema(scalar: NamedScalar, flavour: Flavour): Schema {
  const schema = flavour === 'v3' ? (scalar.v3 ?? scalar.v2) : scalar.v2;
  return { ...described(DOCS[scalar.name]?.doc), ...schema };
}

function messageSchema(message: MessageSchema, context: Context): Schema {
  const docs = DOCS[message.name];
  const fields = Object.entries(message.fields);
  const required = fields.filter(([, field]) => field.required).map(([name]) => name);
  const properties = fields.map(([name, field]) => {
    const isTypeMeta = message.gvk !== undefined && field.number === 0;
    const doc = isTypeMeta ? TYPE_META_DOCS[name] : docs?.fields[name];
    const value = isFreeJson(message, field) ? {} : fieldSchema(field, context);
    return [name, { ...described(doc), ...value }] as const;
  });
  return {
    ...described(docs?.doc),
    type: 'object',
    ...(required.length > 0 && { required }),
    ...(properties.length > 0 && { properties: Object.fromEntries(properties) }),
    ...(message.gvk !== undefined && { 'x-kubernetes-group-version-kind': [message.gvk] }),
    ...(message.mapType !== undefined && { 'x-kubernetes-map-type': message.mapType }),
  };
}

const described = (doc: string | undefined): Schema =>
  doc === undefined || doc === '' ? {} : { description: doc };

const isFreeJson = ({ name }: MessageSchema, { type, shape }: FieldSchema): boolean =>
  type === 'rawJson' && shape === 'one' && name.startsWith(APIEXTENSIONS);

function fieldSchema(field: FieldSchema, context: Context): Schema {
  return {
    ...shapedSchema(field, context),
    ...(field.listType !== undefined && { 'x-kubernetes-list-type': field.listType }),
    ...(field.listMapKeys !== undefined && { 'x-kubernetes-list-map-keys': field.listMapKeys }),
    ...(field.mapType !== undefined && { 'x-kubernetes-map-type': field.mapType }),
    ...(field.patchMergeKey !== undefined && {
      'x-kubernetes-patch-merge-key': field.patchMergeKey,
    }),
    ...(field.patchStrategy !== undefined && {
      'x-kubernetes-patch-strategy': field.patchStrategy,
    }),
  };
}

function shapedSchema(field: FieldSchema, context: Context): Schema {
  const single = valueSchema(field, context);
  if (field.shape === 'one') return { ...single, ...defaultOf(field, context) };
  const whole = field.default === undefined ? {} : { default: field.default };
  if (field.shape === 'list') return { type: 'array', items: single, ...whole };
  return { type: 'object', additionalProperties: single, ...whole };
}

function valueSchema({ type, enum: allowed }: FieldSchema, context: Context): Schema {
  if (typeof type === 'object') return reference(type.ref, context);
  const named = NAMED_SCALARS[type];
  if (named !== undefined) return reference(named.name, context);
  return { ...INLINE_SCALARS[type], ...(allowed !== undefined && { enum: allowed }) };
}

/** v3 ignores what stands beside a `$ref`, therefore it goes into an allOf. */
function reference(name: string, { flavour, need }: Context): Schema {
  need(name);
  if (flavour === 'v2') return { $ref: `#/definitions/${name}` };
  return { allOf: [{ $ref: `#/components/schemas/${name}` }] };
}

/** An embedded message is never absent in upstream's objects: its default is the empty one. */
function defaultOf(field: FieldSchema, { flavour }: Context): Schema {
  if (field.default !== undefined) return { default: field.default };
  const isEmbedded = typeof field.type === 'object' && field.pointer !== true;
  return isEmbedded && flavour === 'v3' ? { default: {} } : {};
}
