// A watch: one JSON line an event. In plain JSON every watcher sends the same frame, which the
// watch cache made once; tables and metadata are made for the one who asks.
// A reader that is slow stops the pull; its bounded buffer behind it then ends the watch.

import type { ServerResponse } from 'node:http';
import { StatusError } from '../../machinery/errors.ts';
import type { ApiObject } from '../../proto/resource.ts';
import { apiVersionOf } from '../../proto/resource.ts';
import type { EncodedEvent } from '../registry/registry.ts';
import { frameOf } from '../watch/change.ts';
import { drained } from './answer-list.ts';
import type { ResourceExchange } from './exchange.ts';
import { CONTENT_TYPES, type Form, formsOf, notAcceptable } from './negotiate.ts';
import { includeOf, metadataOnly, tableOf } from './table.ts';

/** A marker (of a bookmark) has metadata and nothing else. */
type View = (object: ApiObject, isMarker: boolean) => object;
type Frames = (event: EncodedEvent) => Uint8Array;

/** An informer knows by this annotation that it has seen the present state. */
const INITIAL_EVENTS_END = 'k8s.io/initial-events-end';

export async function answerWatch(
  exchange: ResourceExchange,
  events: AsyncIterable<readonly EncodedEvent[]>,
  nowMs: () => number,
): Promise<void> {
  const { response } = exchange;
  const form = formsOf(exchange.request.headers.accept).find(({ media }) => media === 'json');
  if (form === undefined) throw notAcceptable();
  const frames = framesFor(exchange, form, nowMs);
  const iterator = events[Symbol.asyncIterator]();
  const first = iterator.next();
  // A query that makes no sense is refused at once; what comes later is told in the stream.
  await Promise.race([first, undefined]);
  response.writeHead(200, { 'Content-Type': contentTypeOf(form) });
  response.flushHeaders();
  try {
    for (let next = await first; !next.done; next = await iterator.next()) {
      response.cork();
      for (const event of next.value) response.write(frames(event));
      response.uncork();
      await drained(response);
    }
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    response.write(`${JSON.stringify({ type: 'ERROR', object: error.toStatus() })}\n`);
  }
  end(response);
}

function end(response: ServerResponse): void {
  if (!response.writableEnded) response.end();
}

const contentTypeOf = (form: Form): string =>
  form.as === undefined
    ? CONTENT_TYPES.json
    : `${CONTENT_TYPES.json};as=${form.as};v=${form.version};g=meta.k8s.io`;

function framesFor(exchange: ResourceExchange, form: Form, nowMs: () => number): Frames {
  if (form.as === undefined) return (event) => frameOf(event, exchange.kind.resource);
  const view = form.as === 'Table' ? tableView(exchange, form, nowMs) : metadataView(form);
  return (event) => {
    const object = event.type === 'BOOKMARK' ? markerOf(exchange, event) : event.item.object;
    const viewed = view(object, event.type === 'BOOKMARK');
    return Buffer.from(`${JSON.stringify({ type: event.type, object: viewed })}\n`);
  };
}

type Bookmark = EncodedEvent & { readonly type: 'BOOKMARK' };

function markerOf({ kind: { resource } }: ResourceExchange, event: Bookmark): ApiObject {
  const metadata = {
    resourceVersion: String(event.revision),
    creationTimestamp: null,
    ...(event.initialEventsEnd && { annotations: { [INITIAL_EVENTS_END]: 'true' } }),
  };
  const marker = { kind: resource.kind, apiVersion: apiVersionOf(resource), metadata };
  return marker as unknown as ApiObject;
}

function tableView(
  { kind, info }: ResourceExchange,
  { version = 'v1' }: Form,
  nowMs: () => number,
): View {
  const include = includeOf(info.query);
  let withColumns = true;
  return (object, isMarker) => {
    const { resourceVersion = '' } = object.metadata;
    const options = { kind, version, include, nowMs: nowMs(), withColumns };
    withColumns = false;
    return tableOf(isMarker ? [] : [object], { resourceVersion }, options);
  };
}

const metadataView =
  ({ version }: Form): View =>
  (object) =>
    metadataOnly(object, version);
