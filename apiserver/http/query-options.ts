// What list, watch and delete take from a request's query and body. Pure but for the body.

import { badRequest } from '../../machinery/errors.ts';
import type { DeleteOptions, ListQuery, WatchQuery } from '../../machinery/transport.ts';
import { forbiddenOption } from '../registry/list.ts';
import { optionsInvalid } from '../registry/owners.ts';
import { readObject } from './body.ts';
import { dryRunOf, type Exchange, unsupportedValue } from './exchange.ts';
import { isTrue, type ResourceInfo } from './request-info.ts';

export function listQueryOf(query: URLSearchParams, { namespace, name }: ResourceInfo): ListQuery {
  const match = query.get('resourceVersionMatch') ?? '';
  if (match !== '' && match !== 'Exact' && match !== 'NotOlderThan') {
    const supported = ['Exact', 'NotOlderThan', ''];
    throw unsupportedValue('ListOptions', { resourceVersionMatch: match }, supported);
  }
  return {
    namespace,
    labelSelector: textOf(query, 'labelSelector'),
    fieldSelector: fieldSelectorOf(query, name),
    limit: limitOf(query),
    continue: textOf(query, 'continue'),
    resourceVersion: textOf(query, 'resourceVersion'),
    resourceVersionMatch: match === '' ? undefined : match,
  };
}

export function watchQueryOf(
  query: URLSearchParams,
  { namespace, name }: ResourceInfo,
): WatchQuery {
  const sendInitialEvents = query.get('sendInitialEvents');
  const match = query.get('resourceVersionMatch') ?? '';
  if (sendInitialEvents === null && match !== '') {
    throw forbiddenOption(
      'resourceVersionMatch',
      'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided',
    );
  }
  if (sendInitialEvents !== null && match !== 'NotOlderThan') {
    throw forbiddenOption(
      'resourceVersionMatch',
      'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan',
    );
  }
  return {
    namespace,
    labelSelector: textOf(query, 'labelSelector'),
    fieldSelector: fieldSelectorOf(query, name),
    resourceVersion: textOf(query, 'resourceVersion'),
    sendInitialEvents: sendInitialEvents === null ? undefined : isTrue(sendInitialEvents),
    allowBookmarks: query.has('allowWatchBookmarks') && isTrue(query.get('allowWatchBookmarks')),
    timeoutSeconds: integerOf(query, 'timeoutSeconds'),
  };
}

/** A watch of one named object is a watch of the collection, narrowed to it. */
function fieldSelectorOf(query: URLSearchParams, name: string | undefined): string | undefined {
  const given = textOf(query, 'fieldSelector');
  if (name === undefined) return given;
  const byName = `metadata.name=${name}`;
  return given === undefined ? byName : `${given},${byName}`;
}

const textOf = (query: URLSearchParams, name: string): string | undefined =>
  query.get(name) || undefined;

/** Any 64-bit number will do: no collection is that long, and less than one means all. */
function limitOf(query: URLSearchParams): number | undefined {
  const text = textOf(query, 'limit');
  if (text === undefined) return undefined;
  const value = /^[+-]?\d+$/.test(text) ? BigInt(text) : undefined;
  if (value === undefined || BigInt.asIntN(64, value) !== value) {
    throw badRequest(`limit: Invalid value: ${JSON.stringify(text)}: must be an integer`);
  }
  if (value < 1n) return undefined;
  return value > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(value);
}

function integerOf(query: URLSearchParams, name: string): number | undefined {
  const text = textOf(query, name);
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) {
    throw badRequest(`${name}: Invalid value: ${JSON.stringify(text)}: must be a positive integer`);
  }
  return value;
}

interface DeleteBody {
  readonly kind?: unknown;
  readonly gracePeriodSeconds?: unknown;
  readonly propagationPolicy?: unknown;
  readonly orphanDependents?: unknown;
  readonly dryRun?: unknown;
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string };
}

/** From the body where there is one, else from the query. */
export async function deleteOptionsOf(exchange: Exchange): Promise<DeleteOptions> {
  const body = await readObject(exchange);
  if (body === undefined || body === null) return optionsOfQuery(exchange.info.query);
  if (typeof body !== 'object' || Array.isArray(body)) throw badRequest('want DeleteOptions');
  return deleteOptionsOfBody(body);
}

export function deleteOptionsOfBody(body: DeleteBody): DeleteOptions {
  if (body.kind !== undefined && body.kind !== 'DeleteOptions') {
    throw badRequest(`want DeleteOptions, got ${String(body.kind)}`);
  }
  const wanted: readonly unknown[] = Array.isArray(body.dryRun) ? body.dryRun : [];
  const unknown = wanted.find((one) => one !== 'All');
  if (unknown !== undefined) throw unsupportedValue('DeleteOptions', { dryRun: unknown }, ['All']);
  const isDryRun = wanted.length > 0;
  return {
    propagationPolicy: policyOf(body.propagationPolicy, body.orphanDependents),
    gracePeriodSeconds: graceOf(body.gracePeriodSeconds),
    preconditions: body.preconditions ?? undefined,
    dryRun: isDryRun,
  };
}

function optionsOfQuery(query: URLSearchParams): DeleteOptions {
  const orphan = query.get('orphanDependents');
  return {
    propagationPolicy: policyOf(
      query.get('propagationPolicy') ?? undefined,
      orphan === null ? undefined : isTrue(orphan),
    ),
    gracePeriodSeconds: integerOf(query, 'gracePeriodSeconds'),
    dryRun: dryRunOf(query, 'DeleteOptions'),
  };
}

function policyOf(policy: unknown, orphan: unknown): DeleteOptions['propagationPolicy'] {
  if (policy === undefined || policy === null) {
    if (typeof orphan !== 'boolean') return undefined;
    return orphan ? 'Orphan' : 'Background';
  }
  if (typeof orphan === 'boolean') {
    throw optionsInvalid('DeleteOptions', {
      reason: 'FieldValueInvalid',
      field: 'propagationPolicy',
      message:
        `Invalid value: ${JSON.stringify(policy)}: ` +
        'orphanDependents and deletionPropagation cannot be both set',
    });
  }
  if (policy === 'Background' || policy === 'Foreground' || policy === 'Orphan') return policy;
  const supported = ['Foreground', 'Background', 'Orphan'];
  throw unsupportedValue('DeleteOptions', { propagationPolicy: policy }, supported);
}

function graceOf(seconds: unknown): number | undefined {
  if (seconds === undefined || seconds === null) return undefined;
  if (typeof seconds === 'number' && Number.isSafeInteger(seconds)) return Math.max(seconds, 0);
  throw badRequest('gracePeriodSeconds: want an integer');
}
