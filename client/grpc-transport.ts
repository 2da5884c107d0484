// The watchable API over gRPC and mutual TLS: what components speak. One HTTP/2 connection carries
// everything; keepalive pings find a server that went silent.

import { isIP } from 'node:net';
import { checkServerIdentity } from 'node:tls';
import { Client, type ClientReadableStream, credentials, Metadata } from '@grpc/grpc-js';
import { splitAddress } from '../machinery/address.ts';
import type { At, ListQuery, Selection, Transport, WatchEvent } from '../machinery/transport.ts';
import type { ApiObject, Resource } from '../proto/resource.ts';
import {
  API_SERVICE,
  MESSAGE_BYTES_MAX,
  type Method,
  type Ref,
  type RpcSelection,
  type RpcWatchEvent,
} from '../proto/rpc.ts';
import { bindBatches } from './bind-batches.ts';
import { statusErrorOfGrpc } from './grpc-errors.ts';
import { deleteDocument, objectListOf } from './wire.ts';

export interface GrpcOptions {
  /** `host:port`. */
  readonly address: string;
  /** PEM texts. */
  readonly ca: string | Buffer;
  readonly certificate: string | Buffer;
  readonly key: string | Buffer;
  /** The name in the server's certificate, where it is not the host of the address. */
  readonly serverName?: string | undefined;
}

const CHANNEL_OPTIONS = {
  'grpc.max_receive_message_length': MESSAGE_BYTES_MAX,
  'grpc.max_send_message_length': MESSAGE_BYTES_MAX,
  // Wide enough that a list of pods is not held up by round trips.
  'grpc-node.flow_control_window': 4 * 1024 * 1024,
  'grpc.keepalive_time_ms': 20_000,
  'grpc.keepalive_timeout_ms': 10_000,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 2_000,
  // Retry lives in the work queue and the reflector.
  'grpc.enable_retries': 0,
  'grpc.use_local_subchannel_pool': 1,
  'grpc.service_config_disable_resolution': 1,
  // Books about every call that nobody reads.
  'grpc.enable_channelz': 0,
};

const NO_METADATA = new Metadata();
const NO_BYTES = Buffer.alloc(0);
const PATCH_TYPES = {
  json: 'JSON',
  merge: 'MERGE',
  strategic: 'STRATEGIC',
  apply: 'APPLY',
} as const;

export function createGrpcTransport(options: GrpcOptions): Transport {
  const { address, serverName = splitAddress(address).host } = options;
  const pems = [options.ca, options.key, options.certificate].map((pem) => Buffer.from(pem));
  // TLS cannot ask for a server by its IP address; the certificate is held against it all the same.
  const askedName = isIP(serverName) === 0 ? serverName : 'localhost';
  const secure = credentials.createSsl(pems[0], pems[1], pems[2], {
    checkServerIdentity: (_, certificate) => checkServerIdentity(serverName, certificate),
  });
  const channel = { ...CHANNEL_OPTIONS, 'grpc.ssl_target_name_override': askedName };
  return transportOver(new Client(address, secure, channel));
}

function transportOver(client: Client): Transport {
  const call = <Q, A>(method: Method<Q, A>, request: Q, signal?: AbortSignal): Promise<A> =>
    unary(client, method, request, signal);
  const bind = bindBatches(async (bindings) => {
    const { refusals } = await call(API_SERVICE.bindAll, { bindings });
    return refusals.map((refusal) => Buffer.from(refusal).toString());
  });
  return {
    async get<T extends ApiObject>(resource: Resource<T>, at: At, signal?: AbortSignal) {
      const request = { ref: refOf(resource, at), resource_version: '' };
      return parse<T>((await call(API_SERVICE.get, request, signal)).json);
    },
    list: (resource, query, signal) => list(client, resource, query, signal),
    async *watch<T extends ApiObject>(
      resource: Resource<T>,
      query: Parameters<Transport['watch']>[1],
      signal: AbortSignal,
    ): AsyncGenerator<WatchEvent<T>> {
      const request = {
        ref: refOf(resource, query),
        selection: selectionOf(query),
        resource_version: query.resourceVersion ?? '',
        send_initial_events: query.sendInitialEvents ?? false,
        allow_bookmarks: query.allowBookmarks ?? false,
        timeout_seconds: query.timeoutSeconds ?? 0,
      };
      for await (const { events } of stream(client, API_SERVICE.watch, request, signal)) {
        for (const event of events) yield eventOf<T>(event);
      }
    },
    async create<T extends ApiObject, R = T>(
      resource: Resource<T>,
      object: R,
      options: Parameters<Transport['create']>[2] = {},
    ) {
      const at = options.at ?? (object as unknown as ApiObject).metadata;
      const request = writeOf(refOf(resource, at, options.subresource), object, options);
      return parse<R>((await call(API_SERVICE.create, request)).json);
    },
    async update(resource, object, options = {}) {
      const ref = refOf(resource, object.metadata, options.subresource);
      return parse((await call(API_SERVICE.update, writeOf(ref, object, options))).json);
    },
    async patch<T extends ApiObject>(
      resource: Resource<T>,
      at: At,
      patch: Parameters<Transport['patch']>[2],
      options: Parameters<Transport['patch']>[3] = {},
    ) {
      const request = {
        ref: refOf(resource, at, options.subresource),
        type: PATCH_TYPES[patch.type],
        patch: encode(patch.body),
        dry_run: options.dryRun ?? false,
        field_manager: options.fieldManager ?? '',
        force: patch.force ?? false,
      };
      return parse<T>((await call(API_SERVICE.patch, request)).json);
    },
    async delete(resource, at, options) {
      await call(API_SERVICE.delete, {
        ref: refOf(resource, at),
        options: encode(deleteDocument(options)),
      });
    },
    async deleteCollection(resource, query, options) {
      await call(API_SERVICE.deleteCollection, {
        ref: refOf(resource, query),
        selection: selectionOf(query),
        options: encode(deleteDocument(options)),
      });
    },
    bind: ({ namespace = '', name, uid = '' }, node) => bind({ namespace, name, uid, node }),
    close: () => client.close(),
  };
}

/** The server answers one message a page; together they are the one list that was asked for. */
async function list<T extends ApiObject>(
  client: Client,
  resource: Resource<T>,
  query: ListQuery,
  signal?: AbortSignal,
) {
  const request = {
    ref: refOf(resource, query),
    selection: selectionOf(query),
    limit: query.limit ?? 0,
    continue: query.continue ?? '',
    resource_version: query.resourceVersion ?? '',
    resource_version_match: query.resourceVersionMatch ?? '',
  };
  const items: T[] = [];
  let last = { revision: '', continue: '', remaining: 0 };
  for await (const page of stream(client, API_SERVICE.list, request, signal)) {
    for (const json of page.items) items.push(parse<T>(json));
    const { resource_version: revision, remaining } = page;
    last = { revision, continue: page.continue, remaining };
  }
  return objectListOf(resource, items, last);
}

function unary<Q, A>(
  client: Client,
  method: Method<Q, A>,
  request: Q,
  signal?: AbortSignal,
): Promise<A> {
  const { path, requestSerialize, responseDeserialize } = method;
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const abort = () => call.cancel();
    const call = client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
      NO_METADATA,
      {},
      (error, answer) => {
        signal?.removeEventListener('abort', abort);
        if (signal?.aborted) reject(signal.reason);
        else if (error) reject(statusErrorOfGrpc(error));
        else resolve(answer!);
      },
    );
    signal?.addEventListener('abort', abort, { once: true });
  });
}

/** Reads as fast as the caller takes: HTTP/2 flow control does the rest. */
async function* stream<Q, A>(
  client: Client,
  { path, requestSerialize, responseDeserialize }: Method<Q, A>,
  request: Q,
  signal?: AbortSignal,
): AsyncGenerator<A> {
  signal?.throwIfAborted();
  const call: ClientReadableStream<A> = client.makeServerStreamRequest(
    path,
    requestSerialize,
    responseDeserialize,
    request,
    NO_METADATA,
  );
  const abort = () => call.cancel();
  signal?.addEventListener('abort', abort, { once: true });
  // The iterator reports failures; one that comes after it was left concerns nobody.
  call.on('error', () => {});
  try {
    yield* call as AsyncIterable<A>;
    signal?.throwIfAborted();
  } catch (error) {
    signal?.throwIfAborted();
    throw statusErrorOfGrpc(error);
  } finally {
    signal?.removeEventListener('abort', abort);
    call.cancel();
  }
}

const refOf = (resource: Resource, at: Partial<At>, subresource = ''): Ref => ({
  group: resource.group,
  version: resource.version,
  plural: resource.plural,
  namespace: at.namespace ?? '',
  name: at.name ?? '',
  subresource,
});

const selectionOf = ({ labelSelector, fieldSelector }: Selection): RpcSelection => ({
  label_selector: labelSelector ?? '',
  field_selector: fieldSelector ?? '',
});

const writeOf = (
  ref: Ref,
  object: unknown,
  options: { dryRun?: boolean | undefined; fieldManager?: string | undefined },
) => ({
  ref,
  json: encode(object),
  dry_run: options.dryRun ?? false,
  field_manager: options.fieldManager ?? '',
});

function eventOf<T extends ApiObject>(event: RpcWatchEvent): WatchEvent<T> {
  const { type, json, resource_version: resourceVersion, initial_events_end } = event;
  return type === 'BOOKMARK'
    ? { type, resourceVersion, initialEventsEnd: initial_events_end }
    : { type, object: parse<T>(json) };
}

const encode = (value: unknown): Buffer =>
  value === undefined ? NO_BYTES : Buffer.from(JSON.stringify(value));

const parse = <T>(json: Uint8Array): T =>
  JSON.parse(Buffer.from(json.buffer, json.byteOffset, json.byteLength).toString()) as T;
