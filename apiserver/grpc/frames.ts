// Watch batches as bytes. A repeated field is the fields one behind the other, so a batch is the
// encoded events in a row, and every event is encoded once for all its watchers.

import { MESSAGES, type RpcWatchEvent } from '../../proto/rpc.ts';
import type { EncodedEvent } from '../registry/registry.ts';

const NO_BYTES = new Uint8Array(0);
const frames = new WeakMap<EncodedEvent, Buffer>();

export function batchFrame(events: readonly EncodedEvent[]): Buffer {
  const [first] = events;
  if (first !== undefined && events.length === 1) return frameOf(first);
  return Buffer.concat(events.map(frameOf));
}

function frameOf(event: EncodedEvent): Buffer {
  const known = frames.get(event);
  if (known !== undefined) return known;
  const frame = Buffer.from(MESSAGES.WatchBatch.encode({ events: [messageOf(event)] }));
  frames.set(event, frame);
  return frame;
}

const messageOf = (event: EncodedEvent): RpcWatchEvent =>
  event.type === 'BOOKMARK'
    ? {
        type: 'BOOKMARK',
        json: NO_BYTES,
        resource_version: String(event.revision),
        initial_events_end: event.initialEventsEnd,
      }
    : { type: event.type, json: event.item.bytes, resource_version: '', initial_events_end: false };
