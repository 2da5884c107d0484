// Messages of rpc.proto → what the registry is asked. Pure.

import { badRequest, notFound } from '../../machinery/errors.ts';
import type { ListQuery, Patch, WatchQuery } from '../../machinery/transport.ts';
import type {
  ListRequest,
  PatchRequest,
  Ref,
  RpcSelection,
  WatchRequest,
} from '../../proto/rpc.ts';
import type { User } from '../authn/user.ts';
import { nameInSelector, type ResourceAttributes } from '../authz/attributes.ts';
import { decodeJson } from '../http/decode-json.ts';
import type { Call, Registry } from '../registry/registry.ts';

export function callOf(registry: Registry, user: User, ref: Ref): Call {
  const { group, version, plural } = ref;
  const kind = registry.kindOf(group, version, plural);
  if (kind === undefined) {
    throw notFound({ group, plural, kind: '' }, `${version}/${plural}`);
  }
  return {
    user,
    kind,
    namespace: ref.namespace || undefined,
    name: ref.name || undefined,
    subresource: ref.subresource || undefined,
  };
}

export const attributesOf = (
  verb: string,
  ref: Ref,
  selection?: RpcSelection,
): ResourceAttributes => ({
  verb,
  group: ref.group,
  plural: ref.plural,
  subresource: ref.subresource || undefined,
  namespace: ref.namespace || undefined,
  name: ref.name || nameInSelector(selection?.field_selector),
});

export const selectionOf = (
  selection: RpcSelection | undefined,
  namespace: string | undefined,
): Pick<ListQuery, 'namespace' | 'labelSelector' | 'fieldSelector'> => ({
  namespace,
  labelSelector: selection?.label_selector || undefined,
  fieldSelector: selection?.field_selector || undefined,
});

export function listQueryOf(request: ListRequest, namespace: string | undefined): ListQuery {
  const match = request.resource_version_match;
  if (match !== '' && match !== 'Exact' && match !== 'NotOlderThan') {
    throw badRequest(`resourceVersionMatch: Unsupported value: ${JSON.stringify(match)}`);
  }
  return {
    ...selectionOf(request.selection, namespace),
    limit: request.limit || undefined,
    continue: request.continue || undefined,
    resourceVersion: request.resource_version || undefined,
    resourceVersionMatch: match || undefined,
  };
}

export const watchQueryOf = (request: WatchRequest, namespace: string | undefined): WatchQuery => ({
  ...selectionOf(request.selection, namespace),
  resourceVersion: request.resource_version || undefined,
  sendInitialEvents: request.send_initial_events || undefined,
  allowBookmarks: request.allow_bookmarks,
  timeoutSeconds: request.timeout_seconds || undefined,
});

const PATCH_TYPES: Readonly<Record<PatchRequest['type'], Patch['type']>> = {
  JSON: 'json',
  MERGE: 'merge',
  STRATEGIC: 'strategic',
  APPLY: 'apply',
};

export const patchOf = (request: PatchRequest): Patch => ({
  type: PATCH_TYPES[request.type],
  body: jsonOf(request.patch),
  ...(request.force && { force: true }),
});

/** Undefined when there are no bytes. */
export function jsonOf(bytes: Uint8Array): unknown {
  if (bytes.length === 0) return undefined;
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
  return decodeJson(text).value;
}
