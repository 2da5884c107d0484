// One door to the patch types: json, merge and strategic. (Server-side apply needs field
// ownership and is the registry's.)

import type { SchemaTables } from '../../proto/schema.ts';
import { StatusError } from '../errors.ts';
import type { Patch } from '../transport.ts';
import { applyJsonPatch } from './json-patch.ts';
import { applyMergePatch } from './merge-patch.ts';
import { applyStrategicMergePatch } from './strategic-merge.ts';

/** Pure: the result shares nothing with `current` or the patch. Throws StatusError. */
export function applyPatch(
  tables: SchemaTables,
  type: string,
  current: unknown,
  patch: Patch,
): unknown {
  switch (patch.type) {
    case 'json':
      return applyJsonPatch(current, patch.body);
    case 'merge':
      return applyMergePatch(current, patch.body);
    case 'strategic':
      return applyStrategicMergePatch(tables, type, current, patch.body);
    case 'apply':
      throw new StatusError('UnsupportedMediaType', 'server-side apply is not supported');
  }
}
