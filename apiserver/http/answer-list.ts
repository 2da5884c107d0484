// A list: as JSON, the items' cached bytes go out as they are, between a head and a tail.
// Nothing is stringified again, and the length is known before the first byte.

import type { ServerResponse } from 'node:http';
import { firstEvent } from '../first-event.ts';
import type { Listing } from '../registry/registry.ts';
import { send, sendLarge, wantsGzip } from './answer.ts';
import { encoded, formFor, listNamesOf } from './answer-object.ts';
import type { ResourceExchange } from './exchange.ts';
import { CONTENT_TYPES, type Form } from './negotiate.ts';
import { includeOf, metadataOnly, tableOf } from './table.ts';

/** So much goes into one write to the socket: few system calls, a bounded copy. */
const CORKED_BYTES = 512 * 1024;
const COMMA = Buffer.from(',');
const TAIL = Buffer.from(']}\n');

export async function answerList(
  exchange: ResourceExchange,
  listing: Listing,
  nowMs: number,
): Promise<void> {
  const form = formFor(exchange);
  if (form.media === 'json' && form.as === undefined && !exchange.info.query.has('pretty')) {
    return wantsGzip(exchange)
      ? sendLarge(exchange, CONTENT_TYPES.json, Buffer.concat([...piecesOf(exchange, listing)]))
      : sendPieces(exchange.response, [...piecesOf(exchange, listing)]);
  }
  const { contentType, bytes } = await encodedList(exchange, listing, { form, nowMs });
  await sendLarge(exchange, contentType, bytes);
}

const headOf = ({ revision, continue: token, remaining }: Listing) => ({
  resourceVersion: String(revision),
  ...(token !== undefined && { continue: token }),
  ...(remaining !== undefined && { remainingItemCount: remaining }),
});

function* piecesOf(exchange: ResourceExchange, listing: Listing): Iterable<Uint8Array> {
  const { kind, apiVersion } = listNamesOf(exchange);
  const head = JSON.stringify({ kind, apiVersion, metadata: headOf(listing) });
  yield Buffer.from(`${head.slice(0, -1)},"items":[`);
  let isFirst = true;
  for (const { bytes } of listing.items) {
    if (!isFirst) yield COMMA;
    isFirst = false;
    yield bytes;
  }
  yield TAIL;
}

async function sendPieces(response: ServerResponse, pieces: readonly Uint8Array[]): Promise<void> {
  const size = pieces.reduce((sum, piece) => sum + piece.length, 0);
  if (size <= CORKED_BYTES) {
    return send(response, 200, CONTENT_TYPES.json, Buffer.concat(pieces, size));
  }
  response.writeHead(200, { 'Content-Type': CONTENT_TYPES.json, 'Content-Length': size });
  let corked = 0;
  response.cork();
  for (const piece of pieces) {
    response.write(piece);
    corked += piece.length;
    if (corked < CORKED_BYTES) continue;
    corked = 0;
    response.uncork();
    if (response.writableNeedDrain) await drained(response);
    if (response.destroyed) return;
    response.cork();
  }
  response.uncork();
  response.end();
}

/** Settles when there is room again, or nobody left to write to. */
export async function drained(response: ServerResponse): Promise<void> {
  if (response.destroyed || !response.writableNeedDrain) return;
  await firstEvent(response, ['drain', 'close', 'error']);
}

async function encodedList(
  exchange: ResourceExchange,
  listing: Listing,
  { form, nowMs }: { readonly form: Form; readonly nowMs: number },
): Promise<{ readonly contentType: string; readonly bytes: Buffer }> {
  const { kind, info } = exchange;
  const objects = listing.items.map((item) => item.object);
  const head = headOf(listing);
  const version = form.version ?? 'v1';
  if (form.as === 'Table') {
    const include = includeOf(info.query);
    return encoded(tableOf(objects, head, { kind, version, include, nowMs }), form);
  }
  if (form.as !== undefined) {
    const items = objects.map((object) => metadataOnly(object, version));
    const apiVersion = `meta.k8s.io/${version}`;
    const list = { kind: 'PartialObjectMetadataList', apiVersion, metadata: head, items };
    return encoded(list, form);
  }
  const list = { ...listNamesOf(exchange), metadata: head, items: objects };
  if (form.media === 'protobuf') return encodedProtobufList(exchange, list);
  return encoded(list, form, info.query.has('pretty'));
}

async function encodedProtobufList(
  { kind: { resource } }: ResourceExchange,
  list: { readonly apiVersion: string; readonly kind: string },
): Promise<{ readonly contentType: string; readonly bytes: Buffer }> {
  const { encodeEnvelope } = await import('../../proto/codec.ts');
  const { apiVersion, kind } = list;
  const bytes = encodeEnvelope({ apiVersion, kind, type: `${resource.type}List` }, list);
  return { contentType: CONTENT_TYPES.protobuf, bytes: Buffer.from(bytes) };
}
