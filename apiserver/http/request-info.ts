// URL and method → what is being asked. Pure; the only place that knows the URL scheme.
//
//   /api/v1/namespaces/NS/pods/NAME/log        group '' is the core group
//   /apis/GROUP/VERSION/PLURAL[/NAME[/SUBRESOURCE[/REST]]]
//   everything else (discovery, health, ...)   has no `resource`

import { badRequest, StatusError } from '../../machinery/errors.ts';

export type Verb =
  | 'get'
  | 'list'
  | 'watch'
  | 'create'
  | 'update'
  | 'patch'
  | 'delete'
  | 'deletecollection';

export interface ResourceInfo {
  readonly verb: Verb;
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly namespace?: string;
  readonly name?: string;
  readonly subresource?: string;
  /** What follows a `proxy` subresource, with its slash. */
  readonly rest?: string;
}

export interface RequestInfo {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly resource?: ResourceInfo;
}

const URL_BYTES_MAX = 16 * 1024;
/** `/namespaces/x/status` is the status of x, not a resource called "status" inside x. */
const NAMESPACE_SUBRESOURCES: ReadonlySet<string> = new Set(['status', 'finalize']);
const NO_QUERY = new URLSearchParams();

export function parseRequestInfo(method: string, url: string): RequestInfo {
  if (url.length > URL_BYTES_MAX) throw badRequest('the URL is too long');
  const mark = url.indexOf('?');
  const path = mark < 0 ? url : url.slice(0, mark);
  const query = mark < 0 ? NO_QUERY : new URLSearchParams(url.slice(mark + 1));
  const resource = resourceOf(method, path, query);
  return resource === undefined ? { method, path, query } : { method, path, query, resource };
}

function resourceOf(
  method: string,
  path: string,
  query: URLSearchParams,
): ResourceInfo | undefined {
  const isCore = path.startsWith('/api/');
  if (!isCore && !path.startsWith('/apis/')) return undefined;
  const parts = path.split('/').slice(2);
  if (parts.at(-1) === '') parts.pop();
  const group = isCore ? '' : (parts.shift() ?? '');
  const version = parts.shift();
  if (!version || parts.length === 0 || parts.includes('')) return undefined;
  const words = parts.map(decodeSegment);
  const scope = words[0] === 'namespaces' ? namespacedScope(words) : clusterScope(words);
  const verb = verbOf(method, scope.name, query);
  if (scope.subresource !== 'proxy') return { verb, group, version, ...scope };
  // As it was written: what it means is the other server's business.
  const depth = scope.namespace === undefined ? 3 : 5;
  const rest = `/${parts.slice(depth).join('/')}`;
  const slash = path.endsWith('/') && rest !== '/' ? '/' : '';
  return { verb, group, version, ...scope, rest: rest + slash };
}

type Scope = Omit<ResourceInfo, 'verb' | 'group' | 'version'>;

function namespacedScope(words: readonly string[]): Scope {
  const [, namespace, plural] = words;
  if (plural === undefined || namespace === undefined) return clusterScope(words);
  if (words.length === 3 && NAMESPACE_SUBRESOURCES.has(plural)) {
    return { plural: 'namespaces', name: namespace, subresource: plural };
  }
  return { ...clusterScope(words.slice(2)), namespace };
}

function clusterScope([plural = '', name, subresource, ...rest]: readonly string[]): Scope {
  return {
    plural,
    ...(name !== undefined && { name }),
    ...(subresource !== undefined && { subresource }),
    ...(subresource !== 'proxy' &&
      rest.length > 0 && { subresource: [subresource, ...rest].join('/') }),
  };
}

function decodeSegment(segment: string): string {
  if (!segment.includes('%')) return segment;
  try {
    return decodeURIComponent(segment);
  } catch (error) {
    throw badRequest(`malformed path segment ${JSON.stringify(segment)}`, { cause: error });
  }
}

function verbOf(method: string, name: string | undefined, query: URLSearchParams): Verb {
  switch (method) {
    case 'GET':
    case 'HEAD':
      if (name !== undefined) return 'get';
      return isTrue(query.get('watch')) ? 'watch' : 'list';
    case 'POST':
      return 'create';
    case 'PUT':
      return 'update';
    case 'PATCH':
      return 'patch';
    case 'DELETE':
      return name === undefined ? 'deletecollection' : 'delete';
    default:
      throw new StatusError(
        'MethodNotAllowed',
        'the server does not allow this method on the requested resource',
      );
  }
}

/** As upstream reads booleans in a query: `watch`, `watch=1` and `watch=true` all mean yes. */
export const isTrue = (value: string | null): boolean =>
  value !== null && value !== '0' && value.toLowerCase() !== 'false';
