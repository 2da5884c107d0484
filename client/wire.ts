// What the transports that leave the process have in common: documents as they travel.

import { StatusError, statusErrorOf } from '../machinery/errors.ts';
import type { DeleteOptions, Patch } from '../machinery/transport.ts';
import { type ApiObject, apiVersionOf, type ObjectList, type Resource } from '../proto/resource.ts';
import { REASONS, type Reason, type Status } from '../proto/status.ts';

/** The meta/v1 DeleteOptions document; undefined when everything is at its default. */
export function deleteDocument(options: DeleteOptions | undefined): object | undefined {
  const { propagationPolicy, gracePeriodSeconds, preconditions, dryRun } = options ?? {};
  const fields = {
    ...(propagationPolicy !== undefined && { propagationPolicy }),
    ...(gracePeriodSeconds !== undefined && { gracePeriodSeconds }),
    ...(preconditions !== undefined && { preconditions }),
    ...(dryRun === true && { dryRun: ['All'] }),
  };
  if (Object.keys(fields).length === 0) return undefined;
  return { kind: 'DeleteOptions', apiVersion: 'v1', ...fields };
}

export const PATCH_MEDIA_TYPES: Readonly<Record<Patch['type'], string>> = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
};

interface Page {
  readonly revision: string;
  readonly continue: string;
  readonly remaining: number;
}

export function objectListOf<T extends ApiObject>(
  resource: Resource<T>,
  items: T[],
  page: Page,
): ObjectList<T> {
  return {
    apiVersion: apiVersionOf(resource),
    kind: `${resource.kind}List`,
    metadata: {
      resourceVersion: page.revision,
      ...(page.continue !== '' && { continue: page.continue }),
      ...(page.remaining > 0 && { remainingItemCount: page.remaining }),
    },
    items,
  };
}

/** A Status document that came from outside: its reason may be one that we do not know. */
export function refusalOf(document: unknown, fallback: Reason): StatusError {
  const status = (document ?? {}) as Partial<Status>;
  const isKnown = typeof status.reason === 'string' && Object.hasOwn(REASONS, status.reason);
  return statusErrorOf({ ...status, reason: isKnown ? status.reason! : fallback });
}

export const unavailable = (why: string, cause?: unknown): StatusError =>
  new StatusError('ServiceUnavailable', `the API server cannot be reached: ${why}`, { cause });
