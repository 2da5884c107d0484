// Objects as the rows that `kubectl get` prints, and as their metadata only. Pure.
// Source of the shapes: meta.k8s.io/v1 Table and PartialObjectMetadata.

import { badRequest } from '../../machinery/errors.ts';
import type { ApiObject } from '../../proto/resource.ts';
import { columnsOf } from '../registry/columns.ts';
import type { Column, Kind } from '../registry/kind.ts';

export type IncludeObject = 'None' | 'Metadata' | 'Object';

export interface TableOptions {
  readonly kind: Kind;
  /** `v1` or `v1beta1`. */
  readonly version: string;
  readonly include: IncludeObject;
  readonly nowMs: number;
}

export interface TableHead {
  readonly resourceVersion?: string;
  readonly continue?: string;
  readonly remainingItemCount?: number;
}

export function includeOf(query: URLSearchParams): IncludeObject {
  const include = query.get('includeObject') ?? '';
  if (include === '') return 'Metadata';
  if (include === 'None' || include === 'Metadata' || include === 'Object') return include;
  throw badRequest(`unrecognized includeObject value: ${JSON.stringify(include)}`);
}

/** `withColumns` false: later events of a watch leave out what the first has said. */
export function tableOf(
  objects: readonly ApiObject[],
  head: TableHead,
  options: TableOptions & { readonly withColumns?: boolean },
): object {
  const columns = columnsOf(options.kind);
  return {
    kind: 'Table',
    apiVersion: `meta.k8s.io/${options.version}`,
    metadata: head,
    columnDefinitions: options.withColumns === false ? null : columns.map(definitionOf),
    rows: objects.map((object) => rowOf(object, columns, options)),
  };
}

export const metadataOnly = (object: ApiObject, version = 'v1'): object => ({
  kind: 'PartialObjectMetadata',
  apiVersion: `meta.k8s.io/${version}`,
  metadata: object.metadata,
});

const definitionOf = ({ name, type, description, wide }: Column<ApiObject>): object => ({
  name,
  type: type === 'date' ? 'string' : (type ?? 'string'),
  format: name === 'Name' ? 'name' : '',
  description: description ?? '',
  priority: wide ? 1 : 0,
});

function rowOf(
  object: ApiObject,
  columns: readonly Column<ApiObject>[],
  { include, version, nowMs }: TableOptions,
): object {
  const cells = columns.map((column) => column.value(object, nowMs));
  switch (include) {
    case 'None':
      return { cells };
    case 'Metadata':
      return { cells, object: metadataOnly(object, version) };
    case 'Object':
      return { cells, object };
  }
}
