// Faults → the 422 that names them all.

import { StatusError } from '../../machinery/errors.ts';
import type { Faults } from '../../machinery/validation.ts';
import type { Resource } from '../../proto/resource.ts';
import type { Cause } from '../../proto/status.ts';

type Named = Pick<Resource, 'group' | 'kind'>;

export function refuseFaults(resource: Named, name: string, faults: Faults): void {
  if (faults.causes.length > 0) throw invalid(resource, name, faults.causes);
}

export function invalid(
  { group, kind }: Named,
  name: string,
  causes: readonly Cause[],
): StatusError {
  const texts = causes.map(({ field, message }) => (field ? `${field}: ${message}` : message));
  const list = texts.length === 1 ? texts[0] : `[${texts.join(', ')}]`;
  const qualified = group === '' ? kind : `${kind}.${group}`;
  return new StatusError('Invalid', `${qualified} "${name}" is invalid: ${list}`, {
    details: { name, ...(group !== '' && { group }), kind, causes },
  });
}
