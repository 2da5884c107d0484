// The whole row that `kubectl get` shows for a kind: NAME, the kind's own columns, AGE, and the
// wide ones behind AGE, as upstream orders them.

import { ageOf } from '../../machinery/duration.ts';
import type { ApiObject } from '../../proto/resource.ts';
import type { Column, Kind } from './kind.ts';

export const NAME: Column<ApiObject> = {
  name: 'Name',
  description: 'Name of the object, unique in its namespace.',
  value: ({ metadata }) => metadata.name,
};

export const AGE: Column<ApiObject> = {
  name: 'Age',
  description: 'Time since the object was created.',
  value: ({ metadata }, nowMs) => ageOf(metadata.creationTimestamp, nowMs),
};

export function columnsOf(kind: Kind): readonly Column<ApiObject>[] {
  const own = kind.columns ?? [];
  if (kind.hasAllColumns) return own;
  const isWide = (column: Column<ApiObject>) => column.wide === true;
  return [NAME, ...own.filter((one) => !isWide(one)), AGE, ...own.filter(isWide)];
}
