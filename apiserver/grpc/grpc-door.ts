// The gRPC door over mutual TLS: rpc.proto's service, on the same authentication, authorization
// and registry as REST. Objects pass as the bytes that the watch cache holds.

import type {
  ServerUnaryCall,
  ServerWritableStream,
  sendUnaryData,
  UntypedServiceImplementation,
} from '@grpc/grpc-js';
import type { Log } from '../../machinery/log.ts';
import type {
  BindBatch,
  BindRequest,
  BindResults,
  DeleteCollectionRequest,
  DeleteRequest,
  GetRequest,
  JsonObject,
  ListPage,
  ListRequest,
  PatchRequest,
  Ref,
  RpcSelection,
  WatchRequest,
  WriteRequest,
} from '../../proto/rpc.ts';
import type { Authenticate } from '../authn/authenticate.ts';
import type { User } from '../authn/user.ts';
import { type Attributes, type Authorize, assertAllowed } from '../authz/attributes.ts';
import { firstEvent } from '../first-event.ts';
import type { Limits } from '../http/limits.ts';
import { deleteOptionsOfBody } from '../http/query-options.ts';
import type { Call, Encoded, Listing, Registry } from '../registry/registry.ts';
import { bindAttributes, bindEach, bindOne } from './bindings.ts';
import {
  attributesOf,
  callOf,
  jsonOf,
  listQueryOf,
  patchOf,
  selectionOf,
  watchQueryOf,
} from './calls.ts';
import { certificateOf, type Incoming } from './certificate.ts';
import { batchFrame } from './frames.ts';
import { refusalOf } from './refusal.ts';

export interface GrpcParts {
  readonly authenticate: Authenticate;
  readonly authorize: Authorize;
  readonly limits: Limits;
  readonly registry: Registry;
  readonly log: Log;
  /** Ends watches when the server stops. */
  readonly stopping: AbortSignal;
}

/** A page of a list is about a megabyte: neither many messages nor long ones. */
const PAGE_ITEMS_MAX = 400;
const NO_JSON: JsonObject = { json: new Uint8Array(0) };

export function grpcService(parts: GrpcParts): UntypedServiceImplementation {
  const { authenticate, authorize, limits, registry, log, stopping } = parts;

  /** Who asks, and when it is their turn. */
  async function inTurn<R>(
    incoming: Incoming,
    attributes: Attributes,
    task: (user: User) => Promise<R>,
  ): Promise<R> {
    const [authorization] = incoming.metadata.get('authorization');
    const user = await authenticate({
      certificate: certificateOf(incoming),
      authorization: authorization?.toString(),
    });
    return limits.run(user, attributes, () => task(user));
  }

  /** And whether they may. */
  const admitted = <R>(
    incoming: Incoming,
    attributes: Attributes,
    task: (user: User) => Promise<R>,
  ): Promise<R> =>
    inTurn(incoming, attributes, async (user) => {
      assertAllowed(authorize, user, attributes);
      return task(user);
    });

  const unary =
    <Q extends { ref: Ref }, A>(verb: string, run: (call: Call, request: Q) => Promise<A>) =>
    (incoming: ServerUnaryCall<Q, A>, answer: sendUnaryData<A>): void => {
      const { request } = incoming;
      const attributes = attributesOf(verb, request.ref);
      admitted(incoming, attributes, (user) => {
        const assertMay = (other: string): void =>
          assertAllowed(authorize, user, { ...attributes, verb: other });
        return run({ ...callOf(registry, user, request.ref), assertMay }, request);
      }).then(
        (value) => answer(null, value),
        (error) => answer(refusalOf(error, log)),
      );
    };

  const streaming =
    <Q extends { ref: Ref; selection: RpcSelection }, A>(verb: string, run: StreamRun<Q, A>) =>
    (stream: ServerWritableStream<Q, A>): void => {
      const { request } = stream;
      admitted(stream, attributesOf(verb, request.ref, request.selection), (user) =>
        run(callOf(registry, user, request.ref), request, stream),
      ).then(
        () => stream.end(),
        (error) => stream.emit('error', refusalOf(error, log)),
      );
    };

  async function list(
    call: Call,
    request: ListRequest,
    stream: ServerWritableStream<ListRequest, ListPage>,
  ): Promise<void> {
    const listing = await registry.list(call, listQueryOf(request, call.namespace));
    for (const page of pagesOf(listing)) await write(stream, page);
  }

  async function watch(
    call: Call,
    request: WatchRequest,
    stream: ServerWritableStream<WatchRequest, Buffer>,
  ): Promise<void> {
    const gone = new AbortController();
    stream.once('cancelled', () => gone.abort());
    stream.once('close', () => gone.abort());
    const signal = AbortSignal.any([gone.signal, stopping]);
    for await (const batch of registry.watch(call, watchQueryOf(request, call.namespace), signal)) {
      await write(stream, batchFrame(batch));
    }
  }

  return {
    get: unary('get', (call, request: GetRequest) =>
      registry.get(call, request.resource_version || undefined).then(jsonObject),
    ),
    list: streaming('list', list),
    watch: streaming('watch', watch),
    create: unary('create', (call, request: WriteRequest) =>
      registry.create(writeCall(call, request), jsonOf(request.json)).then(jsonObject),
    ),
    update: unary('update', (call, request: WriteRequest) =>
      registry.update(writeCall(call, request), jsonOf(request.json)).then(jsonObject),
    ),
    patch: unary('patch', (call, request: PatchRequest) =>
      registry.patch(writeCall(call, request), patchOf(request)).then(jsonObject),
    ),
    delete: unary('delete', async (call, request: DeleteRequest) => {
      const options = deleteOptionsOfBody((jsonOf(request.options) ?? {}) as object);
      const { item } = await registry.delete({ ...call, dryRun: options.dryRun }, options);
      return jsonObject(item);
    }),
    deleteCollection: unary('deletecollection', async (call, request: DeleteCollectionRequest) => {
      const options = deleteOptionsOfBody((jsonOf(request.options) ?? {}) as object);
      const query = selectionOf(request.selection, call.namespace);
      await registry.deleteCollection({ ...call, dryRun: options.dryRun }, query, options);
      return NO_JSON;
    }),
    bind: (incoming: ServerUnaryCall<BindRequest, object>, answer: sendUnaryData<object>) => {
      const { request } = incoming;
      inTurn(incoming, bindAttributes(request), (user) => bindOne(parts, user, request)).then(
        () => answer(null, {}),
        (error) => answer(refusalOf(error, log)),
      );
    },
    bindAll: (
      incoming: ServerUnaryCall<BindBatch, BindResults>,
      answer: sendUnaryData<BindResults>,
    ) => {
      const { bindings } = incoming.request;
      inTurn(incoming, bindAttributes(), (user) => bindEach(parts, user, bindings)).then(
        (value) => answer(null, value),
        (error) => answer(refusalOf(error, log)),
      );
    },
  };
}

type StreamRun<Q, A> = (
  call: Call,
  request: Q,
  stream: ServerWritableStream<Q, A>,
) => Promise<void>;

const jsonObject = ({ bytes }: Encoded): JsonObject => ({ json: bytes });

const writeCall = (call: Call, request: Pick<WriteRequest, 'dry_run' | 'field_manager'>): Call => ({
  ...call,
  dryRun: request.dry_run,
  fieldManager: request.field_manager || undefined,
});

function* pagesOf(listing: Listing): Iterable<ListPage> {
  const { items, revision, remaining = 0 } = listing;
  for (let from = 0; from === 0 || from < items.length; from += PAGE_ITEMS_MAX) {
    const isLast = from + PAGE_ITEMS_MAX >= items.length;
    yield {
      items: items.slice(from, from + PAGE_ITEMS_MAX).map(({ bytes }) => bytes),
      resource_version: String(revision),
      continue: isLast ? (listing.continue ?? '') : '',
      remaining: isLast ? remaining : 0,
    };
  }
}

/** Waits while the client is slow; what piles up behind is bounded by the watch cache. */
async function write<Q, A>(stream: ServerWritableStream<Q, A>, message: A): Promise<void> {
  if (stream.write(message) || stream.cancelled || stream.destroyed) return;
  await firstEvent(stream, ['drain', 'cancelled', 'close']);
}
