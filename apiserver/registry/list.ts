// list: from the cache where it stands at the right revision, page by page from the store's
// history where a continue token or an exact revision asks for the past.

import { badRequest, expired } from '../../machinery/errors.ts';
import type { ListQuery } from '../../machinery/transport.ts';
import { CompactedError, type Range } from '../store/store.ts';
import type { Context } from './context.ts';
import { encodedOfEntry } from './encode.ts';
import { prefixOf } from './keys.ts';
import { optionsInvalid } from './owners.ts';
import { reach, revisionOf } from './read.ts';
import type { Call, Encoded, Listing } from './registry.ts';
import { filterOf, type Picked, pick } from './selection.ts';

/** Pages read from the store for one page of a selective list are at least this long. */
const PAGE_MIN = 500;

export async function listObjects(
  context: Context,
  call: Call,
  query: ListQuery,
): Promise<Listing> {
  checkVersionMatch(query);
  const { resource } = call.kind;
  const picked = pick(call.kind, query);
  const namespace = resource.namespaced ? call.namespace || picked.namespace : undefined;
  const prefix = prefixOf(resource, namespace);
  if (query.continue) {
    const { revision, after } = parseToken(query.continue, prefix);
    return listPast(context, { prefix, picked, after, revision, limit: query.limit });
  }
  if (query.resourceVersionMatch === 'Exact') {
    const revision = revisionOf(query.resourceVersion!);
    await reach(context, query.resourceVersion, call.signal);
    return listPast(context, { prefix, picked, revision, limit: query.limit });
  }
  await reach(context, query.resourceVersion, call.signal);
  const filter = filterOf(call, picked);
  const page = context.hub.cacheOf(resource).list(filter, { limit: query.limit || undefined });
  return {
    revision: page.revision,
    items: page.items,
    ...(page.next !== undefined && {
      continue: tokenOf(page.revision, startOf(page.next, namespace)),
    }),
    ...(page.next !== undefined && page.remaining !== undefined && { remaining: page.remaining }),
  };
}

/** Cache keys begin with the namespace; tokens go on behind the prefix of the collection. */
const startOf = (key: string, namespace: string | undefined): string =>
  namespace ? key.slice(namespace.length + 1) : key;

interface Page {
  readonly prefix: string;
  readonly picked: Picked;
  readonly revision: number;
  readonly limit: number | undefined;
}

async function listPast(
  context: Context,
  page: Page & { readonly after?: string },
): Promise<Listing> {
  const { prefix, picked, revision, limit } = page;
  const items: Encoded[] = [];
  let after = page.after;
  for (;;) {
    const wanted = limit ? limit - items.length : undefined;
    const size = wanted && picked.matches ? Math.max(wanted, PAGE_MIN) : wanted;
    const range = await rangeAt(context, {
      prefix,
      revision,
      ...(after !== undefined && { after }),
      ...(size !== undefined && { limit: size }),
    });
    for (const entry of range.entries) {
      after = entry.key;
      const item = encodedOfEntry(entry);
      if (picked.matches && !picked.matches(item)) continue;
      items.push(item);
      if (items.length === limit) break;
    }
    const isLastRead = after === range.entries.at(-1)?.key || range.entries.length === 0;
    if (isLastRead && range.remaining === 0) return { revision, items };
    if (limit && items.length === limit) {
      const token = tokenOf(revision, after!.slice(prefix.length));
      const rest = picked.matches ? {} : { remaining: range.remaining };
      return { revision, items, continue: token, ...rest };
    }
  }
}

async function rangeAt(
  { store }: Context,
  { prefix, ...options }: { prefix: string; revision: number; after?: string; limit?: number },
): Promise<Range> {
  try {
    return await store.list(prefix, options);
  } catch (error) {
    if (!(error instanceof CompactedError)) throw error;
    throw expired(
      'The provided continue parameter is too old to display a consistent list result. ' +
        'You can start a new list without the continue parameter.',
    );
  }
}

interface Token {
  readonly v: 'wherry/v1';
  readonly rv: number;
  /** Behind the prefix: a token is good for the collection that it came from only. */
  readonly start: string;
}

function tokenOf(rv: number, start: string): string {
  const token: Token = { v: 'wherry/v1', rv, start };
  return Buffer.from(JSON.stringify(token)).toString('base64url');
}

function parseToken(text: string, prefix: string): { revision: number; after: string } {
  try {
    const token = JSON.parse(Buffer.from(text, 'base64url').toString()) as Partial<Token> | null;
    const { v, rv, start } = token ?? {};
    if (v === 'wherry/v1' && Number.isSafeInteger(rv) && rv! > 0 && typeof start === 'string') {
      return { revision: rv!, after: prefix + start };
    }
  } catch {
    // Not JSON: the same answer as for JSON of another shape.
  }
  throw badRequest('continue key is not valid');
}

function checkVersionMatch(query: ListQuery): void {
  const { resourceVersionMatch: match, resourceVersion } = query;
  if (query.continue) {
    if (resourceVersion && resourceVersion !== '0') {
      throw badRequest('specifying resource version is not allowed when using continue');
    }
    if (match) {
      throw forbiddenOption(
        'resourceVersionMatch',
        'resourceVersionMatch is forbidden when continue is provided',
      );
    }
  }
  if (match === undefined) return;
  if (!resourceVersion) {
    throw forbiddenOption(
      'resourceVersionMatch',
      'resourceVersionMatch is forbidden unless resourceVersion is provided',
    );
  }
  if (match === 'Exact' && resourceVersion === '0') {
    throw forbiddenOption(
      'resourceVersionMatch',
      'resourceVersionMatch "exact" is forbidden for resourceVersion "0"',
    );
  }
}

/** Two options that exclude each other. */
export const forbiddenOption = (field: string, why: string) =>
  optionsInvalid('ListOptions', {
    reason: 'FieldValueForbidden',
    field,
    message: `Forbidden: ${why}`,
  });
