// watch: the query as the watch cache takes it.

import type { WatchQuery } from '../../machinery/transport.ts';
import { StoreUnavailableError } from '../store/store.ts';
import { type Context, unavailable } from './context.ts';
import { reach, revisionOf } from './read.ts';
import type { Call, EncodedEvent } from './registry.ts';
import { filterOf, pick } from './selection.ts';

/** A watch without a timeout ends at a random time behind this, as upstream's do. */
const TIMEOUT_MIN_SECONDS = 1800;

export async function* watchObjects(
  context: Context,
  call: Call,
  { query, signal }: { readonly query: WatchQuery; readonly signal: AbortSignal },
): AsyncGenerator<readonly EncodedEvent[], void, undefined> {
  const filter = filterOf(call, pick(call.kind, query));
  const after = query.resourceVersion ? revisionOf(query.resourceVersion) : 0;
  const isSnapshot = query.sendInitialEvents ?? after === 0;
  // A snapshot is of now, or not older than asked. A revision from the future is waited for a
  // little, then refused: the store may have lost its past, and the client must list again.
  try {
    await reach(context, query.resourceVersion, signal);
  } catch (error) {
    if (signal.aborted) return;
    throw error instanceof StoreUnavailableError ? unavailable(error) : error;
  }
  const cache = context.hub.cacheOf(call.kind.resource);
  yield* cache.watch(
    filter,
    {
      ...(after > 0 && !isSnapshot && { afterRevision: after }),
      sendInitialEvents: isSnapshot,
      markInitialEnd: query.sendInitialEvents === true,
      allowBookmarks: query.allowBookmarks,
      timeoutMs: timeoutSeconds(context, query) * 1000,
    },
    signal,
  );
}

const timeoutSeconds = ({ random }: Context, { timeoutSeconds: wished }: WatchQuery): number =>
  wished && wished > 0 ? wished : TIMEOUT_MIN_SECONDS * (1 + random.fraction());
