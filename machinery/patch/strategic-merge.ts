// Strategic merge patch: a merge patch whose lists merge by key, as the schema says per field.
// Directives in the patch:
//   $patch: replace | delete | merge     in an object, or in an element of a list
//   $retainKeys: [..]                    only these keys of the object stay
//   $deleteFromPrimitiveList/x: [..]     values that leave list x
//   $setElementOrder/x: [..]             the order of list x

import type { FieldSchema, SchemaTables } from '../../proto/schema.ts';
import { badRequest } from '../errors.ts';
import { copyOf, isObject, type JsonObject, safeKey } from './json-value.ts';
import { inOrderOf } from './list-order.ts';

const DELETE_FROM = '$deleteFromPrimitiveList/';
const ELEMENT_ORDER = '$setElementOrder/';

/** How the children of one object are found in the schema. */
interface Place {
  readonly tables: SchemaTables;
  /** Message of the object; absent where the schema knows nothing: plain merge patch then. */
  readonly type?: string | undefined;
  /** A map: every key has this field's type. */
  readonly values?: FieldSchema | undefined;
}

/** Pure: the result shares nothing with `current` or `patch`. Throws BadRequest. */
export function applyStrategicMergePatch(
  tables: SchemaTables,
  type: string,
  current: unknown,
  patch: unknown,
): unknown {
  if (!isObject(patch)) throw badRequest('a strategic merge patch must be an object');
  return mergeObject({ tables, type }, isObject(current) ? copyOf(current) : {}, copyOf(patch));
}

/** `current` and `patch` are ours to change from here on. */
function mergeObject(place: Place, current: JsonObject, patch: JsonObject): JsonObject {
  const { $patch: directive, $retainKeys: retained, ...fields } = patch;
  if (directive === 'delete') return {};
  if (directive === 'replace') return withoutDirectives(fields);
  if (directive !== undefined && directive !== 'merge') {
    throw badRequest(`unknown directive $patch: ${JSON.stringify(directive)}`);
  }
  if (retained !== undefined) retainKeys(current, fields, retained);
  for (const key of Object.keys(fields)) {
    if (key.startsWith(DELETE_FROM)) removeValues(current, key, fields[key]);
  }
  for (const [key, value] of Object.entries(fields)) {
    if (!isDirective(key)) mergeField(place, current, key, value);
  }
  for (const key of Object.keys(fields)) {
    if (key.startsWith(ELEMENT_ORDER)) orderList(place, current, fields, key);
  }
  return current;
}

function mergeField(place: Place, current: JsonObject, key: string, value: unknown): void {
  if (value === null) {
    delete current[key];
    return;
  }
  const before = Object.hasOwn(current, key) ? current[key] : undefined;
  const field = fieldOf(place, key);
  current[safeKey(key)] = mergeValue(place.tables, field, before, value);
}

function mergeValue(
  tables: SchemaTables,
  field: FieldSchema | undefined,
  current: unknown,
  patch: unknown,
): unknown {
  if (isObject(patch)) {
    if (field?.patchStrategy?.startsWith('replace')) return withoutDirectives(patch);
    return mergeObject(placeOf(tables, field), isObject(current) ? current : {}, patch);
  }
  if (!Array.isArray(patch)) return patch;
  const before = Array.isArray(current) ? current : [];
  if (!mergesLists(field)) return patch.map(cleaned);
  const key = field?.patchMergeKey;
  return key === undefined || !patch.concat(before).every(isObject)
    ? mergeScalars(before, patch)
    : mergeByKey(placeOf(tables, field), key, before, patch);
}

function mergeScalars(current: readonly unknown[], patch: readonly unknown[]): unknown[] {
  return inOrderOf([...new Set([...current, ...patch])], { patch, current });
}

function mergeByKey(
  place: Place,
  key: string,
  current: readonly JsonObject[],
  patch: readonly JsonObject[],
): JsonObject[] {
  if (patch.some((item) => item.$patch === 'replace')) {
    return patch.filter((item) => item.$patch === undefined).map(withoutDirectives);
  }
  const merged = [...current];
  const placed: JsonObject[] = [];
  for (const item of patch) {
    const name = item[key];
    if (name === undefined) {
      throw badRequest(`an element of the list does not contain its merge key: ${key}`);
    }
    const index = merged.findIndex((one) => one[key] === name);
    if (item.$patch === 'delete') {
      for (let i = merged.length - 1; i >= 0; i--)
        if (merged[i]?.[key] === name) merged.splice(i, 1);
      continue;
    }
    placed.push(item);
    const result = mergeObject(place, index < 0 ? {} : merged[index]!, item);
    if (index < 0) merged.push(result);
    else merged[index] = result;
  }
  return inOrderOf(merged, { patch: placed, current }, (item) => item[key]);
}

function removeValues(current: JsonObject, directive: string, values: unknown): void {
  const key = directive.slice(DELETE_FROM.length);
  if (!Array.isArray(values)) throw badRequest(`${directive} must be a list`);
  const list = Object.hasOwn(current, key) ? current[key] : undefined;
  if (Array.isArray(list)) current[key] = list.filter((item) => !values.includes(item));
}

function orderList(place: Place, current: JsonObject, fields: JsonObject, directive: string): void {
  const key = directive.slice(ELEMENT_ORDER.length);
  const order = fields[directive];
  if (!Array.isArray(order)) throw badRequest(`${directive} must be a list`);
  const list = Object.hasOwn(current, key) ? current[key] : undefined;
  if (!Array.isArray(list)) return;
  const mergeKey = fieldOf(place, key)?.patchMergeKey;
  const identity = (item: unknown) =>
    mergeKey !== undefined && isObject(item) ? item[mergeKey] : item;
  checkOrder(directive, order.map(identity), fields[key], identity);
  current[key] = inOrderOf(list, { patch: order, current: [...list] }, identity);
}

/** What the patch puts into the list must stand in the order that it gives. */
function checkOrder(
  directive: string,
  order: readonly unknown[],
  patched: unknown,
  identity: (item: unknown) => unknown,
): void {
  if (!Array.isArray(patched)) return;
  const positions = patched
    .filter((item) => !isObject(item) || item.$patch === undefined)
    .map((item) => order.indexOf(identity(item)));
  if (positions.some((at, i) => at < 0 || at < (positions[i - 1] ?? 0))) {
    throw badRequest(`the order of the patched list does not match ${directive}`);
  }
}

function retainKeys(current: JsonObject, fields: JsonObject, retained: unknown): void {
  if (!Array.isArray(retained)) throw badRequest('$retainKeys must be a list');
  for (const key of Object.keys(fields)) {
    if (fields[key] !== null && !isDirective(key) && !retained.includes(key)) {
      throw badRequest(`$retainKeys does not name the field ${key} that the patch sets`);
    }
  }
  for (const key of Object.keys(current)) if (!retained.includes(key)) delete current[key];
}

function withoutDirectives(value: JsonObject): JsonObject {
  const result: JsonObject = {};
  for (const [key, inner] of Object.entries(value)) {
    if (inner !== null && !isDirective(key)) result[safeKey(key)] = cleaned(inner);
  }
  return result;
}

function cleaned(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.filter((item) => !isObject(item) || item.$patch === undefined).map(cleaned);
  }
  return isObject(value) ? withoutDirectives(value) : value;
}

/** Names that begin with `$` but are no directive stay: they may be keys of a map. */
const isDirective = (key: string): boolean =>
  key === '$patch' ||
  key === '$retainKeys' ||
  key.startsWith(DELETE_FROM) ||
  key.startsWith(ELEMENT_ORDER);

function fieldOf({ tables, type, values }: Place, key: string): FieldSchema | undefined {
  if (values !== undefined) return values;
  const fields = type === undefined ? undefined : tables[type]?.fields;
  return fields !== undefined && Object.hasOwn(fields, key) ? fields[key] : undefined;
}

/** Where the children of a field's value, or of its elements, are described. */
function placeOf(tables: SchemaTables, field: FieldSchema | undefined): Place {
  if (field === undefined) return { tables };
  if (field.shape === 'map') return { tables, values: { ...field, shape: 'one' } };
  return { tables, type: typeof field.type === 'string' ? undefined : field.type.ref };
}

const mergesLists = (field: FieldSchema | undefined): boolean =>
  field?.shape === 'list' && (field.patchStrategy?.startsWith('merge') ?? false);
