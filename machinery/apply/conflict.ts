// A conflict as clients print it: one cause a field, and a message that lists them by manager.

import { StatusError } from '../errors.ts';
import type { Entry } from './managers.ts';

export interface Conflict {
  readonly owner: Entry;
  /** As `.spec.replicas`. */
  readonly field: string;
}

/** An applier that takes everybody's fields could otherwise get an answer as large as the object. */
const CAUSES_MAX = 1_000;

export function conflictError(conflicts: readonly Conflict[]): StatusError {
  const told = conflicts
    .slice(0, CAUSES_MAX)
    .map(({ owner, field }) => ({ with: ownerText(owner), field }))
    .sort((a, b) => (a.with === b.with ? 0 : a.with < b.with ? -1 : 1));
  const causes = told.map((one) => ({
    reason: 'FieldManagerConflict',
    message: `conflict with ${one.with}`,
    field: one.field,
  }));
  return new StatusError('Conflict', messageOf(told, conflicts.length), { details: { causes } });
}

function messageOf(
  told: readonly { readonly with: string; readonly field: string }[],
  count: number,
): string {
  const [first] = told;
  if (count === 1 && first !== undefined) {
    return `Apply failed with 1 conflict: conflict with ${first.with}: ${first.field}`;
  }
  const lines: string[] = [];
  let manager: string | undefined;
  for (const one of told) {
    if (one.with !== manager) lines.push(`conflicts with ${one.with}:`);
    manager = one.with;
    lines.push(`- ${one.field}`);
  }
  return `Apply failed with ${count} conflicts: ${lines.join('\n')}`;
}

function ownerText({ manager = '', operation, apiVersion, subresource }: Entry): string {
  const name = JSON.stringify(manager);
  const through = subresource ? ` with subresource ${JSON.stringify(subresource)}` : '';
  return `${name}${through}${operation === 'Update' ? ` using ${apiVersion}` : ''}`;
}
