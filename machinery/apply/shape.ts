// What the walks over objects need of the schema tables, compiled once a type: which fields have
// owners of their own, and what names them.

import type { FieldSchema, MessageSchema, SchemaTables } from '../../proto/schema.ts';
import { compileOnDemand, onceEach } from '../schema/table.ts';
import { valueElement } from './fields-v1.ts';

export type Shape =
  /** A scalar, or something that has one owner as a whole. */
  | { readonly kind: 'leaf' }
  | StructShape
  | { readonly kind: 'map'; readonly item: Shape }
  | ListShape;

export interface StructShape {
  readonly kind: 'struct';
  readonly fields: ReadonlyMap<string, FieldShape>;
}

export interface ListShape {
  readonly kind: 'list';
  readonly item: Shape;
  /** What names an element; undefined where it lacks every key. */
  elementOf(item: unknown): string | undefined;
  /** For the message that says so. */
  readonly keys: readonly string[];
}

export interface FieldShape {
  readonly element: string;
  readonly shape: Shape;
  /** False for what only the server says: name, uid, resourceVersion... */
  readonly isOwned: boolean;
  /** Goes only with the object: there is always something in it that the server says. */
  readonly isPermanent: boolean;
  /** What absence means where the object around it is there: Go holds it by value. */
  readonly zero: object | undefined;
  /** `''`, 0 and false mean absent. */
  readonly dropsZero: boolean;
  /** `[]` and `{}` mean absent. */
  readonly dropsEmpty: boolean;
}

const META = 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta';
/** Never owned in an object's own metadata; a template's metadata is a field like any other. */
const UNOWNED_METADATA: ReadonlySet<string> = new Set([
  'name',
  'namespace',
  'creationTimestamp',
  'selfLink',
  'uid',
  'generation',
  'managedFields',
  'resourceVersion',
]);
const LEAF_SHAPE: Shape = { kind: 'leaf' };
const EMPTY_OBJECT: object = Object.freeze({});
const EMPTY_LIST: object = Object.freeze([]);

/** `shapeOf(type)` is the shape of a whole object of that kind. */
export function objectShapes(tables: SchemaTables): (type: string) => StructShape {
  const structOf = compileOnDemand<GrowingStruct>(
    tables,
    () => ({ kind: 'struct', fields: new Map() }),
    (struct, message, of) => {
      for (const [name, field] of Object.entries(message.fields)) {
        struct.fields.set(name, fieldShape({ name, field, tables }, of));
      }
    },
  );
  const metadata = onceEach(() => withUnowned(structOf(META), UNOWNED_METADATA));
  return onceEach((type) => {
    const root = withUnowned(structOf(type), new Set(['apiVersion', 'kind']));
    const field = root.fields.get('metadata');
    if (field) {
      root.fields.set('metadata', { ...field, shape: metadata(META), isPermanent: true });
    }
    return root;
  });
}

interface GrowingStruct extends StructShape {
  readonly fields: Map<string, FieldShape>;
}

function withUnowned(struct: StructShape, names: ReadonlySet<string>): GrowingStruct {
  const fields = [...struct.fields].map(
    ([name, field]) => [name, { ...field, isOwned: !names.has(name) }] as const,
  );
  return { kind: 'struct', fields: new Map(fields) };
}

interface Named {
  readonly name: string;
  readonly field: FieldSchema;
  readonly tables: SchemaTables;
}

function fieldShape(
  { name, field, tables }: Named,
  structOf: (type: string) => StructShape,
): FieldShape {
  const { type, shape, pointer, required } = field;
  const isKept = pointer === true || required === true;
  const isStruct = shape === 'one' && typeof type === 'object';
  const zeroList = required === true && shape === 'list' ? EMPTY_LIST : undefined;
  const zeroMap = required === true && shape === 'map' ? EMPTY_OBJECT : undefined;
  return {
    element: `f:${name}`,
    shape: shapeOf(field, tables, structOf),
    isOwned: true,
    isPermanent: false,
    zero: pointer === true ? undefined : isStruct ? EMPTY_OBJECT : (zeroList ?? zeroMap),
    dropsZero: shape === 'one' && typeof type === 'string' && !isKept,
    dropsEmpty: shape !== 'one' && !isKept,
  };
}

function shapeOf(
  field: FieldSchema,
  tables: SchemaTables,
  structOf: (type: string) => StructShape,
): Shape {
  if (field.shape === 'list') return listShape(field, tables, structOf);
  if (field.mapType === 'atomic') return LEAF_SHAPE;
  const item = itemShape(field, tables, structOf);
  return field.shape === 'map' ? { kind: 'map', item } : item;
}

function itemShape(
  { type }: FieldSchema,
  tables: SchemaTables,
  structOf: (type: string) => StructShape,
): Shape {
  if (typeof type === 'string' || tables[type.ref]?.mapType === 'atomic') return LEAF_SHAPE;
  return structOf(type.ref);
}

function listShape(
  field: FieldSchema,
  tables: SchemaTables,
  structOf: (type: string) => StructShape,
): Shape {
  const { type, listType, listMapKeys = [] } = field;
  if (listType === 'set') {
    return { kind: 'list', item: LEAF_SHAPE, elementOf: valueElement, keys: [] };
  }
  if (listType !== 'map' || typeof type === 'string') return LEAF_SHAPE;
  return {
    kind: 'list',
    item: itemShape(field, tables, structOf),
    elementOf: keyedBy(listMapKeys, tables[type.ref]),
    keys: listMapKeys,
  };
}

function keyedBy(keys: readonly string[], message: MessageSchema | undefined) {
  const known = [...keys].sort().map((name) => ({
    name,
    label: `${JSON.stringify(name)}:`,
    otherwise: message?.fields[name]?.default,
    // A stored element would not have it.
    dropsZero: message?.fields[name]?.required !== true && message?.fields[name]?.pointer !== true,
  }));
  return (item: unknown): string | undefined => {
    let text = '';
    for (const { name, label, otherwise, dropsZero } of known) {
      const given = (item as Record<string, unknown> | null)?.[name];
      const value = (dropsZero && !given ? undefined : given) ?? otherwise;
      if (value === undefined) continue;
      text += (text === '' ? '' : ',') + label + JSON.stringify(value);
    }
    return text === '' ? undefined : `k:{${text}}`;
  };
}
