// rpc.proto in TypeScript: its messages, their codecs, and the service that the apiserver's gRPC
// door offers and the gRPC transport calls. A test holds it against the .proto file.

import {
  bool,
  bytes,
  type MessageCodec,
  message,
  oneOf,
  repeated,
  repeatedBytes,
  text,
  uint32,
} from './rpc-codec.ts';
import type { Reason } from './status.ts';

/** Trailer that holds the Status document of a refusal as JSON. */
export const STATUS_TRAILER = 'wherry-status-bin';

/** Objects are at most 3 MB, pages of lists far more. */
export const MESSAGE_BYTES_MAX = 256 * 1024 * 1024;

export interface Ref {
  group: string;
  version: string;
  plural: string;
  namespace: string;
  name: string;
  subresource: string;
}

export interface JsonObject {
  json: Uint8Array;
}

export interface RpcSelection {
  label_selector: string;
  field_selector: string;
}

export interface GetRequest {
  ref: Ref;
  resource_version: string;
}

export interface ListRequest {
  ref: Ref;
  selection: RpcSelection;
  limit: number;
  continue: string;
  resource_version: string;
  resource_version_match: string;
}

export interface ListPage {
  items: readonly Uint8Array[];
  resource_version: string;
  continue: string;
  remaining: number;
}

export interface WatchRequest {
  ref: Ref;
  selection: RpcSelection;
  resource_version: string;
  send_initial_events: boolean;
  allow_bookmarks: boolean;
  timeout_seconds: number;
}

export interface RpcWatchEvent {
  type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK';
  json: Uint8Array;
  resource_version: string;
  initial_events_end: boolean;
}

export interface WatchBatch {
  events: readonly RpcWatchEvent[];
}

export interface WriteRequest {
  ref: Ref;
  json: Uint8Array;
  dry_run: boolean;
  field_manager: string;
}

export interface PatchRequest {
  ref: Ref;
  type: 'JSON' | 'MERGE' | 'STRATEGIC' | 'APPLY';
  patch: Uint8Array;
  dry_run: boolean;
  field_manager: string;
  force: boolean;
}

export interface DeleteRequest {
  ref: Ref;
  options: Uint8Array;
}

export interface DeleteCollectionRequest {
  ref: Ref;
  selection: RpcSelection;
  options: Uint8Array;
}

export interface BindRequest {
  namespace: string;
  name: string;
  uid: string;
  node: string;
}

export type BindReply = object;

export interface BindBatch {
  bindings: readonly BindRequest[];
}

/** One for each binding: the Status document of its refusal, or empty. */
export interface BindResults {
  refusals: readonly Uint8Array[];
}

export const BINDINGS_MAX = 64;

const REF = message<Ref>({
  group: [1, text],
  version: [2, text],
  plural: [3, text],
  namespace: [4, text],
  name: [5, text],
  subresource: [6, text],
});

const SELECTION = message<RpcSelection>({
  label_selector: [1, text],
  field_selector: [2, text],
});

const WATCH_EVENT = message<RpcWatchEvent>({
  type: [1, oneOf(['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK'])],
  json: [2, bytes],
  resource_version: [3, text],
  initial_events_end: [4, bool],
});

const BIND_REQUEST = message<BindRequest>({
  namespace: [1, text],
  name: [2, text],
  uid: [3, text],
  node: [4, text],
});

export const MESSAGES = {
  Object: message<JsonObject>({ json: [1, bytes] }),
  GetRequest: message<GetRequest>({ ref: [1, REF], resource_version: [2, text] }),
  ListRequest: message<ListRequest>({
    ref: [1, REF],
    selection: [2, SELECTION],
    limit: [3, uint32],
    continue: [4, text],
    resource_version: [5, text],
    resource_version_match: [6, text],
  }),
  ListPage: message<ListPage>({
    items: [1, repeatedBytes],
    resource_version: [2, text],
    continue: [3, text],
    remaining: [4, uint32],
  }),
  WatchRequest: message<WatchRequest>({
    ref: [1, REF],
    selection: [2, SELECTION],
    resource_version: [3, text],
    send_initial_events: [4, bool],
    allow_bookmarks: [5, bool],
    timeout_seconds: [6, uint32],
  }),
  WatchBatch: message<WatchBatch>({ events: [1, repeated(WATCH_EVENT)] }),
  WriteRequest: message<WriteRequest>({
    ref: [1, REF],
    json: [2, bytes],
    dry_run: [3, bool],
    field_manager: [4, text],
  }),
  PatchRequest: message<PatchRequest>({
    ref: [1, REF],
    type: [2, oneOf(['JSON', 'MERGE', 'STRATEGIC', 'APPLY'])],
    patch: [3, bytes],
    dry_run: [4, bool],
    field_manager: [5, text],
    force: [6, bool],
  }),
  DeleteRequest: message<DeleteRequest>({ ref: [1, REF], options: [2, bytes] }),
  DeleteCollectionRequest: message<DeleteCollectionRequest>({
    ref: [1, REF],
    selection: [2, SELECTION],
    options: [3, bytes],
  }),
  BindRequest: BIND_REQUEST,
  BindReply: message<BindReply>({}),
  BindBatch: message<BindBatch>({ bindings: [1, repeated(BIND_REQUEST)] }),
  BindResults: message<BindResults>({ refusals: [1, repeatedBytes] }),
};

/** A method as grpc-js wants it. */
export interface Method<Q, A> {
  readonly path: string;
  readonly requestStream: false;
  readonly responseStream: boolean;
  requestSerialize(request: Q): Buffer;
  requestDeserialize(encoded: Buffer): Q;
  /** Takes a message that is encoded already: a watch batch is encoded once for all watchers. */
  responseSerialize(response: A | Buffer): Buffer;
  responseDeserialize(encoded: Buffer): A;
}

export const API_SERVICE = {
  get: method('Get', MESSAGES.GetRequest, MESSAGES.Object, 'one'),
  list: method('List', MESSAGES.ListRequest, MESSAGES.ListPage, 'stream'),
  watch: method('Watch', MESSAGES.WatchRequest, MESSAGES.WatchBatch, 'stream'),
  create: method('Create', MESSAGES.WriteRequest, MESSAGES.Object, 'one'),
  update: method('Update', MESSAGES.WriteRequest, MESSAGES.Object, 'one'),
  patch: method('Patch', MESSAGES.PatchRequest, MESSAGES.Object, 'one'),
  delete: method('Delete', MESSAGES.DeleteRequest, MESSAGES.Object, 'one'),
  deleteCollection: method(
    'DeleteCollection',
    MESSAGES.DeleteCollectionRequest,
    MESSAGES.Object,
    'one',
  ),
  bind: method('Bind', MESSAGES.BindRequest, MESSAGES.BindReply, 'one'),
  bindAll: method('BindAll', MESSAGES.BindBatch, MESSAGES.BindResults, 'one'),
};

function method<Q, A>(
  name: string,
  request: MessageCodec<Q>,
  response: MessageCodec<A>,
  answers: 'one' | 'stream',
): Method<Q, A> {
  return {
    path: `/wherry.rpc.v1.Api/${name}`,
    requestStream: false,
    responseStream: answers === 'stream',
    requestSerialize: request.encode,
    requestDeserialize: request.decode,
    responseSerialize: (one) => (Buffer.isBuffer(one) ? one : response.encode(one)),
    responseDeserialize: response.decode,
  };
}

/** The gRPC status code that goes with each reason; the reason itself travels in the trailer. */
export const GRPC_CODES: Readonly<Record<Reason, number>> = {
  BadRequest: 3,
  Unauthorized: 16,
  Forbidden: 7,
  NotFound: 5,
  MethodNotAllowed: 12,
  NotAcceptable: 3,
  AlreadyExists: 6,
  Conflict: 10,
  Gone: 11,
  Expired: 11,
  RequestEntityTooLarge: 8,
  UnsupportedMediaType: 3,
  Invalid: 3,
  TooManyRequests: 8,
  InternalError: 13,
  ServerTimeout: 4,
  ServiceUnavailable: 14,
  Timeout: 4,
};
