// One watch stream of etcd as batches of our events. It never reconnects by itself: whoever
// watches knows from which revision to go on, and that is the only right place to decide it.

import type { IWatchResponse } from 'etcd3';
import { unavailable } from './rows.ts';
import { CompactedError, type StoreEvent, StoreUnavailableError } from './store.ts';

/** Responses waiting for a reader that is busy; above it the stream is paused. */
const WAITING_RESPONSES_MAX = 64;

export interface WatchStream {
  write(request: object): unknown;
  cancel(): void;
  pause(): unknown;
  resume(): unknown;
  on(event: 'data', listener: (response: IWatchResponse) => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: 'end', listener: () => void): unknown;
}

export interface WatchRequest {
  readonly request: {
    readonly key: Buffer;
    readonly range_end: Buffer;
    readonly start_revision: number;
  };
  /** Length of what the store puts in front of keys. */
  readonly prefixBytes: number;
}

export async function* watchEtcd(
  stream: WatchStream,
  { request, prefixBytes }: WatchRequest,
  signal: AbortSignal,
): AsyncGenerator<readonly StoreEvent[], void, undefined> {
  const waiting: IWatchResponse[] = [];
  let failure: Error | undefined;
  let wake = () => {};
  const fail = (error: Error) => {
    failure ??= error;
    wake();
  };
  stream.on('data', (response) => {
    waiting.push(response);
    if (waiting.length >= WAITING_RESPONSES_MAX) stream.pause();
    wake();
  });
  stream.on('error', (error) => fail(unavailable('the watch on etcd broke', error)));
  stream.on('end', () => fail(new StoreUnavailableError('etcd ended the watch')));
  const onAbort = () => wake();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    stream.write({ create_request: request });
    while (!signal.aborted) {
      const responses = waiting.splice(0);
      if (responses.length > 0) {
        stream.resume();
        const events = responses.flatMap((response) => eventsOf(response, prefixBytes));
        if (events.length > 0) yield events;
      } else if (failure !== undefined) {
        throw failure;
      } else {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
  } finally {
    signal.removeEventListener('abort', onAbort);
    stream.cancel();
  }
}

function eventsOf(response: IWatchResponse, prefixBytes: number): readonly StoreEvent[] {
  if (response.canceled) {
    const compacted = Number(response.compact_revision);
    if (compacted > 0) throw new CompactedError(compacted);
    throw new StoreUnavailableError(`etcd ended the watch: ${response.cancel_reason}`);
  }
  return response.events.map(({ type, kv }): StoreEvent => {
    const key = kv.key.toString('utf8', prefixBytes);
    const revision = Number(kv.mod_revision);
    if (type === 'Delete') return { type: 'delete', key, revision };
    const isCreate = kv.create_revision === kv.mod_revision;
    return { type: 'put', entry: { key, value: kv.value, revision }, isCreate };
  });
}
