// The watchable API over REST: what kubectl speaks. For the command line, and for whatever lives
// outside the cluster; components use gRPC.

import type { DeleteOptions, Transport, WatchEvent, WatchQuery } from '../machinery/transport.ts';
import { PODS } from '../proto/generated/resources.ts';
import { type ApiObject, apiVersionOf, type ObjectList, type Resource } from '../proto/resource.ts';
import { HttpConnection, type HttpOptions } from './http-connection.ts';
import { jsonLines } from './json-lines.ts';
import { pathOf, queryOf, selectionOf } from './rest-paths.ts';
import { deleteDocument, PATCH_MEDIA_TYPES, refusalOf, unavailable } from './wire.ts';

const INITIAL_EVENTS_END = 'k8s.io/initial-events-end';

export const createRestTransport = (options: HttpOptions): Transport =>
  transportOver(new HttpConnection(options));

function transportOver(http: HttpConnection): Transport {
  return {
    async get(resource, at, signal) {
      return answer(await http.json({ method: 'GET', path: pathOf(resource, at), signal }));
    },
    async list<T extends ApiObject>(
      resource: Resource<T>,
      query: Parameters<Transport['list']>[1],
      signal?: AbortSignal,
    ) {
      const { limit, continue: next, resourceVersion, resourceVersionMatch } = query;
      const page = { limit, continue: next, resourceVersion, resourceVersionMatch };
      const path = pathOf(resource, query) + queryOf({ ...selectionOf(query), ...page });
      const list = answer<ObjectList<T>>(await http.json({ method: 'GET', path, signal }));
      return { ...list, items: (list.items ?? []).map((item) => typed(resource, item)) };
    },
    watch: (resource, query, signal) => watch(http, resource, query, signal),
    async create<T extends ApiObject, R = T>(
      resource: Resource<T>,
      object: R,
      { at, subresource, ...options }: Parameters<Transport['create']>[2] = {},
    ) {
      const { namespace } = at ?? (object as unknown as ApiObject).metadata;
      const path = pathOf(resource, at ?? { namespace }, subresource) + writeQuery(options);
      // What is written to a subresource is of another kind, which it must say itself.
      const body = subresource ? object : typed(resource, object as unknown as ApiObject);
      return answer<R>(await http.json({ method: 'POST', path, body }));
    },
    async update(resource, object, { subresource, ...options } = {}) {
      const path = pathOf(resource, object.metadata, subresource) + writeQuery(options);
      return answer(await http.json({ method: 'PUT', path, body: typed(resource, object) }));
    },
    async patch(resource, at, { type, body, force }, { subresource, ...options } = {}) {
      const path = pathOf(resource, at, subresource) + writeQuery({ ...options, force });
      const contentType = PATCH_MEDIA_TYPES[type];
      return answer(await http.json({ method: 'PATCH', path, body, contentType }));
    },
    async delete(resource, at, options) {
      await remove(http, pathOf(resource, at), options);
    },
    async deleteCollection(resource, query, options) {
      const path = pathOf(resource, { namespace: query.namespace });
      await remove(http, path + queryOf(selectionOf(query)), options);
    },
    async bind({ namespace, name, uid }, nodeName) {
      const binding = {
        apiVersion: 'v1',
        kind: 'Binding',
        metadata: { namespace, name, ...(uid !== undefined && { uid }) },
        target: { apiVersion: 'v1', kind: 'Node', name: nodeName },
      };
      const path = pathOf(PODS, { namespace, name }, 'binding');
      await http.json({ method: 'POST', path, body: binding });
    },
    close: () => http.close(),
  };
}

async function remove(http: HttpConnection, path: string, options?: DeleteOptions): Promise<void> {
  await http.json({ method: 'DELETE', path, body: deleteDocument(options) });
}

async function* watch<T extends ApiObject>(
  http: HttpConnection,
  resource: Resource<T>,
  query: WatchQuery,
  signal: AbortSignal,
): AsyncGenerator<WatchEvent<T>> {
  const { namespace, resourceVersion, sendInitialEvents, allowBookmarks, timeoutSeconds } = query;
  const path =
    pathOf(resource, { namespace }) +
    queryOf({
      watch: true,
      ...selectionOf(query),
      resourceVersion,
      sendInitialEvents,
      resourceVersionMatch: sendInitialEvents ? 'NotOlderThan' : undefined,
      allowWatchBookmarks: allowBookmarks || sendInitialEvents,
      timeoutSeconds,
    });
  const response = await http.open({ method: 'GET', path, signal });
  try {
    for await (const line of jsonLines(response as AsyncIterable<Buffer>)) {
      yield eventOf<T>(line as WireEvent);
    }
  } catch (error) {
    signal.throwIfAborted();
    throw error instanceof Error && error.name === 'StatusError'
      ? error
      : unavailable(error instanceof Error ? error.message : String(error), error);
  } finally {
    response.destroy();
  }
  signal.throwIfAborted();
}

interface WireEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  readonly object: unknown;
}

function eventOf<T extends ApiObject>({ type, object }: WireEvent): WatchEvent<T> {
  if (type === 'ERROR') throw refusalOf(object, 'InternalError');
  if (type !== 'BOOKMARK') return { type, object: object as T };
  const { resourceVersion = '', annotations } = (object as ApiObject).metadata;
  const initialEventsEnd = annotations?.[INITIAL_EVENTS_END] === 'true';
  return { type, resourceVersion, initialEventsEnd };
}

const writeQuery = ({
  dryRun,
  fieldManager,
  force,
}: {
  dryRun?: boolean | undefined;
  fieldManager?: string | undefined;
  force?: boolean | undefined;
}): string =>
  queryOf({
    dryRun: dryRun ? 'All' : undefined,
    fieldManager,
    force: force ? 'true' : undefined,
  });

/** The server insists on apiVersion and kind, and leaves them out of the items of a list. */
const typed = <T extends ApiObject>(resource: Resource, object: T): T =>
  object.apiVersion !== undefined && object.kind !== undefined
    ? object
    : { ...object, apiVersion: apiVersionOf(resource), kind: resource.kind };

const answer = <T>(json: unknown): T => json as T;
