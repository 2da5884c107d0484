// The selectors of a list or watch, compiled into one question that an object answers.

import { badRequest } from '../../machinery/errors.ts';
import { exactFieldOf, parseFieldSelector } from '../../machinery/fields.ts';
import { parseSelector } from '../../machinery/labels.ts';
import { keyFor } from '../../machinery/object.ts';
import type { ListQuery } from '../../machinery/transport.ts';
import type { ApiObject } from '../../proto/resource.ts';
import type { WatchFilter } from '../watch/watcher.ts';
import type { Kind } from './kind.ts';
import type { Call, Encoded } from './registry.ts';

export interface Picked {
  /** Absent: everything matches. */
  readonly matches?: (item: Encoded) => boolean;
  /** The one name that can match, where the field selector says so. */
  readonly name?: string;
  /** The one namespace that can match, where the field selector says so. */
  readonly namespace?: string;
  /** Exact values that fields must have: hints for an index. */
  readonly exact: ReadonlyMap<string, string>;
}

type Query = Pick<ListQuery, 'labelSelector' | 'fieldSelector'>;

/** What the caches may take for a hint besides `key`; they are told of it when they are made. */
export const INDEXED_FIELDS: readonly string[] = ['spec.nodeName'];

/** The question as the watch caches take it. */
export function filterOf({ kind, ...call }: Call, { matches, exact, ...at }: Picked): WatchFilter {
  const namespace = kind.resource.namespaced ? call.namespace || at.namespace : undefined;
  const hint = hintOf(kind, exact, { namespace, name: at.name });
  return {
    ...(namespace && { namespace }),
    ...(matches && { matches }),
    ...(hint && { hint }),
  };
}

function hintOf(
  { resource }: Kind,
  exact: Picked['exact'],
  {
    namespace,
    name,
  }: { readonly namespace: string | undefined; readonly name: string | undefined },
): WatchFilter['hint'] {
  if (name !== undefined && (!resource.namespaced || namespace)) {
    return { index: 'key', value: keyFor(namespace, name) };
  }
  const index = INDEXED_FIELDS.find((field) => exact.has(field));
  return index === undefined ? undefined : { index, value: exact.get(index)! };
}

/** Throws BadRequest where a selector does not parse or names a field that the kind has not. */
export function pick(kind: Kind, { labelSelector, fieldSelector }: Query): Picked {
  const labels = labelSelector ? parseSelector(labelSelector) : undefined;
  const fields = fieldSelector ? parseFieldSelector(fieldSelector) : undefined;
  if ((labels?.isEverything ?? true) && (fields?.isEverything ?? true)) return EVERYTHING;
  const getters = new Map<string, (object: ApiObject) => string>();
  const exact = new Map<string, string>();
  for (const { field } of fields?.requirements ?? []) {
    getters.set(field, fieldGetter(kind, field));
    const value = exactFieldOf(fields!, field);
    if (value !== undefined) exact.set(field, value);
  }
  const name = exact.get('metadata.name');
  const namespace = exact.get('metadata.namespace');
  return {
    exact,
    ...(name !== undefined && { name }),
    ...(namespace !== undefined && { namespace }),
    matches: ({ object }) =>
      (labels === undefined || labels.matches(object.metadata.labels)) &&
      (fields === undefined || fields.matches((field) => getters.get(field)!(object))),
  };
}

const EVERYTHING: Picked = { exact: new Map() };

function fieldGetter(kind: Kind, field: string): (object: ApiObject) => string {
  if (field === 'metadata.name') return ({ metadata }) => metadata.name;
  if (field === 'metadata.namespace') return ({ metadata }) => metadata.namespace ?? '';
  const getter = kind.fields?.[field];
  if (getter && Object.hasOwn(kind.fields!, field)) return getter;
  throw badRequest(`field label not supported: ${field}`);
}
