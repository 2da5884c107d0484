// The tables against a table of upstream's own OpenAPI document: the same fields, types, list
// types, merge keys and required fields, for every type that is carried here.

import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { RESOURCES } from './generated/resources.ts';
import { SCHEMA } from './generated/schema.ts';
import type { FieldSchema, MessageSchema, ScalarType } from './schema.ts';

const ORACLE = new URL('../../shared/data/kubernetes/api-fields.json', import.meta.url);

interface OracleValue {
  readonly type?: string;
  readonly format?: string;
  readonly ref?: string;
  readonly items?: OracleValue;
  readonly values?: OracleValue;
}

interface OracleField extends OracleValue {
  readonly listType?: string;
  readonly listMapKeys?: readonly string[];
  readonly mapType?: string;
  readonly patchMergeKey?: string;
  readonly patchStrategy?: string;
}

interface OracleType {
  readonly gvk?: readonly (readonly [string, string, string])[];
  readonly mapType?: string;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, OracleField>>;
}

interface Oracle {
  readonly types: Readonly<Record<string, OracleType>>;
  readonly paths: Readonly<Record<string, Readonly<Record<string, readonly [string, string]>>>>;
}

/** Types that are one value in JSON: the tables have them as scalars. */
const VALUE_TYPES: Readonly<Record<string, ScalarType>> = {
  'io.k8s.apimachinery.pkg.api.resource.Quantity': 'quantity',
  'io.k8s.apimachinery.pkg.util.intstr.IntOrString': 'intOrString',
  'io.k8s.apimachinery.pkg.apis.meta.v1.Time': 'time',
  'io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime': 'microTime',
  'io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1': 'fieldsV1',
  'io.k8s.apimachinery.pkg.runtime.RawExtension': 'rawJson',
  ...Object.fromEntries(
    ['JSON', 'JSONSchemaPropsOrArray', 'JSONSchemaPropsOrBool', 'JSONSchemaPropsOrStringArray'].map(
      (name) => [`io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.${name}`, 'rawJson'],
    ),
  ),
};

const CORE = 'io.k8s.api.core.v1';
const NEEDED_KINDS = [
  ...[
    'Pod',
    'Node',
    'Service',
    'Namespace',
    'ConfigMap',
    'Secret',
    'ServiceAccount',
    'Event',
    'Endpoints',
  ].map((kind) => `${CORE}.${kind}`),
  'io.k8s.api.apps.v1.Deployment',
  'io.k8s.api.apps.v1.ReplicaSet',
  'io.k8s.api.discovery.v1.EndpointSlice',
  'io.k8s.api.coordination.v1.Lease',
  'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta',
];

const SCALAR_NAMES: Readonly<Partial<Record<ScalarType, string>>> = {
  string: 'string',
  boolean: 'boolean',
  int32: 'integer int32',
  int64: 'integer int64',
  double: 'number double',
  bytes: 'string byte',
};

const oracle: Oracle | undefined = existsSync(ORACLE)
  ? JSON.parse(readFileSync(ORACLE, 'utf8'))
  : undefined;
const types = oracle?.types ?? {};
const withOracle = test.skipIf(oracle === undefined);
if (oracle === undefined) console.warn('oracle.test.ts: ../shared is not here, nothing to compare');

withOracle('every type of the oracle is carried', () => {
  const missing = Object.keys(types).filter(
    (name) => SCHEMA[name] === undefined && VALUE_TYPES[name] === undefined,
  );
  expect(missing).toEqual([]);
});

withOracle.each(Object.keys(types).filter((name) => VALUE_TYPES[name] === undefined))(
  '%s has the fields that upstream has',
  (name) => {
    expect(summaryOfTables(SCHEMA[name])).toEqual(summaryOfOracle(types[name] ?? {}));
  },
);

test.each(NEEDED_KINDS)('%s is carried with all that it reaches', (name) => {
  expect(unreachable(name)).toEqual([]);
});

withOracle('every URL of a kind is a resource of the same name and scope', () => {
  const carried = new Map(RESOURCES.map((it) => [`${it.group}/${it.version}/${it.plural}`, it]));
  const urls = new Map<string, boolean>();
  for (const path of Object.keys(oracle?.paths ?? {})) {
    const pattern = /^\/(?:api|apis\/([^/]+))\/([^/]+)\/(namespaces\/\{namespace\}\/)?([a-z]+)$/;
    const [, group = '', version = '', namespace, plural = ''] = pattern.exec(path) ?? [];
    const key = `${group}/${version}/${plural}`;
    if (plural !== '') urls.set(key, (urls.get(key) ?? false) || namespace !== undefined);
  }
  const scopes = [...carried].map(([key, { namespaced }]) => [key, namespaced] as const);
  expect(Object.fromEntries(scopes)).toEqual(Object.fromEntries(urls));
});

/** A type in a form in which both sides can be compared. */
interface Summary {
  readonly gvk?: readonly string[] | undefined;
  readonly mapType?: string | undefined;
  readonly required: readonly string[];
  readonly fields: Readonly<Record<string, object>>;
}

function summaryOfOracle(type: OracleType): Summary {
  const fields = Object.entries(type.properties ?? {}).map(
    ([name, { listType, listMapKeys, mapType, patchMergeKey, patchStrategy, ...value }]) => {
      // Granular is what a map is when nothing is said.
      const isAtomic = mapType === 'atomic' ? { mapType } : {};
      const merge = { listType, listMapKeys, patchMergeKey, patchStrategy };
      return [name, { type: nameOfOracle(value), ...merge, ...isAtomic }] as const;
    },
  );
  // A watch event has no apiVersion and kind of its own, though upstream lists it as a kind.
  const isKind = type.properties?.apiVersion !== undefined;
  return {
    gvk: isKind ? type.gvk?.[0] : undefined,
    mapType: type.mapType,
    required: [...(type.required ?? [])].sort(),
    fields: Object.fromEntries(fields),
  };
}

function nameOfOracle(value: OracleValue): string {
  if (value.ref !== undefined) return VALUE_TYPES[value.ref] ?? value.ref;
  if (value.items !== undefined) return `list of ${nameOfOracle(value.items)}`;
  if (value.values !== undefined) return `map of ${nameOfOracle(value.values)}`;
  return [value.type, value.format].filter(Boolean).join(' ');
}

function summaryOfTables(message: MessageSchema | undefined): Summary | undefined {
  if (message === undefined) return undefined;
  const fields = Object.entries(message.fields);
  return {
    gvk: message.gvk && [message.gvk.group, message.gvk.version, message.gvk.kind],
    mapType: message.mapType,
    required: fields
      .filter(([, field]) => field.required)
      .map(([name]) => name)
      .sort(),
    fields: Object.fromEntries(fields.map(([name, field]) => [name, summaryOfField(field)])),
  };
}

function summaryOfField(field: FieldSchema): object {
  const { listType, listMapKeys, patchMergeKey, patchStrategy, mapType } = field;
  const merge = { listType, listMapKeys, patchMergeKey, patchStrategy };
  return { type: nameOfField(field), ...merge, ...(mapType !== undefined && { mapType }) };
}

function nameOfField({ type, shape }: FieldSchema): string {
  const single =
    typeof type === 'object'
      ? type.ref
      : type === 'stringList'
        ? 'list of string'
        : (SCALAR_NAMES[type] ?? type);
  return shape === 'one' ? single : `${shape} of ${single}`;
}

/** Names that the type refers to, near or far, and the tables lack. */
function unreachable(name: string, seen = new Set<string>()): readonly string[] {
  if (seen.has(name)) return [];
  seen.add(name);
  const message = SCHEMA[name];
  if (message === undefined) return [name];
  return Object.values(message.fields).flatMap(({ type }) =>
    typeof type === 'object' ? unreachable(type.ref, seen) : [],
  );
}
