// The third door: the registry as a Transport, for components, tests and embedding in the same
// process. No wire and no listener; the caller is whoever the host says, and is trusted.

import { badRequest } from '../machinery/errors.ts';
import type {
  At,
  DeleteOptions,
  ListQuery,
  Patch,
  Selection,
  Transport,
  WatchEvent,
  WatchQuery,
  WriteOptions,
} from '../machinery/transport.ts';
import { PODS } from '../proto/generated/resources.ts';
import { type ApiObject, apiVersionOf, type ObjectList, type Resource } from '../proto/resource.ts';
import type { User } from './authn/user.ts';
import { subresourceNotFound } from './registry/context.ts';
import type { Call, EncodedEvent, Registry } from './registry/registry.ts';

export function inProcessTransport(registry: Registry, user: User): Transport {
  const callTo = (resource: Resource, rest: Partial<Call>): Call => {
    const kind = registry.kindOf(resource.group, resource.version, resource.plural);
    if (kind === undefined) throw subresourceNotFound();
    return { user, kind, ...rest };
  };
  const writing = ({ subresource, dryRun, fieldManager }: WriteOptions = {}): Partial<Call> => ({
    subresource,
    dryRun,
    fieldManager,
  });

  return {
    async get<T extends ApiObject>(resource: Resource<T>, at: At, signal?: AbortSignal) {
      const item = await registry.get(callTo(resource, { ...at, signal }));
      return item.object as T;
    },

    async list<T extends ApiObject>(
      resource: Resource<T>,
      { namespace, ...query }: ListQuery,
      signal?: AbortSignal,
    ): Promise<ObjectList<T>> {
      const listing = await registry.list(callTo(resource, { namespace, signal }), query);
      return {
        kind: `${resource.kind}List`,
        apiVersion: apiVersionOf(resource),
        metadata: {
          resourceVersion: String(listing.revision),
          ...(listing.continue !== undefined && { continue: listing.continue }),
          ...(listing.remaining !== undefined && { remainingItemCount: listing.remaining }),
        },
        items: listing.items.map(({ object }) => object as T),
      };
    },

    async *watch<T extends ApiObject>(
      resource: Resource<T>,
      { namespace, ...query }: WatchQuery,
      signal: AbortSignal,
    ) {
      const call = callTo(resource, { namespace, signal });
      for await (const batch of registry.watch(call, query, signal)) {
        for (const event of batch) yield plainEvent<T>(event);
      }
      signal.throwIfAborted();
    },

    async create<T extends ApiObject, R = T>(
      resource: Resource<T>,
      object: R,
      { at, ...options }: WriteOptions & { readonly at?: At } = {},
    ): Promise<R> {
      const namespace = at?.namespace ?? (object as Partial<ApiObject>).metadata?.namespace;
      const call = callTo(resource, { namespace, name: at?.name, ...writing(options) });
      if (options.subresource === 'binding' && resource.plural === PODS.plural) {
        const { target } = object as { target?: { name?: string } };
        await registry.bind(call, target?.name ?? '');
        return object;
      }
      const item = await registry.create(call, structuredClone(object));
      return item.object as R;
    },

    async update<T extends ApiObject>(resource: Resource<T>, object: T, options?: WriteOptions) {
      const { namespace, name } = object.metadata;
      if (!name) throw badRequest('metadata.name: Required value');
      const call = callTo(resource, { namespace, name, ...writing(options) });
      const item = await registry.update(call, structuredClone(object));
      return item.object as T;
    },

    async patch<T extends ApiObject>(
      resource: Resource<T>,
      at: At,
      patch: Patch,
      options?: WriteOptions,
    ) {
      const item = await registry.patch(callTo(resource, { ...at, ...writing(options) }), patch);
      return item.object as T;
    },

    async delete(resource: Resource, at: At, options: DeleteOptions = {}) {
      await registry.delete(callTo(resource, { ...at, dryRun: options.dryRun }), options);
    },

    async deleteCollection(
      resource: Resource,
      { namespace, ...query }: Selection,
      options: DeleteOptions = {},
    ) {
      const call = callTo(resource, { namespace, dryRun: options.dryRun });
      await registry.deleteCollection(call, query, options);
    },

    async bind({ uid, ...at }, nodeName) {
      await registry.bind(callTo(PODS, { ...at, subresource: 'binding' }), nodeName, uid);
    },

    close() {},
  };
}

const plainEvent = <T extends ApiObject>(event: EncodedEvent): WatchEvent<T> =>
  event.type === 'BOOKMARK'
    ? {
        type: event.type,
        resourceVersion: String(event.revision),
        initialEventsEnd: event.initialEventsEnd,
      }
    : { type: event.type, object: event.item.object as T };
