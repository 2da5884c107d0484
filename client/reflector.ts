// Mirrors a selection of one resource into a sink, for as long as it lives:
//
//   list in pages ─► replace ─► watch from there ─► apply, apply, ... ─┐
//     ▲                            ▲                                   │ closed or failed
//     └── Expired ─────────────────┴──── back-off, newest revision ◄───┘

import type { Clock } from '../machinery/clock.ts';
import { hasReason } from '../machinery/errors.ts';
import type { Log } from '../machinery/log.ts';
import type { Random } from '../machinery/random.ts';
import type { Selection, Transport, WatchEvent } from '../machinery/transport.ts';
import type { ApiObject, Resource } from '../proto/resource.ts';
import { BackOff } from './back-off.ts';

/** Pages keep single answers small; 500 is what upstream's clients ask for. */
const PAGE_OBJECTS = 500;
const BACK_OFF = { firstMs: 200, lastMs: 10_000 } as const;
/** A watch that lived this long was healthy: the next failure starts at the shortest delay. */
const HEALTHY_AFTER_MS = 10_000;
/** The server ends a watch after five to ten minutes, so that load spreads over its replicas. */
const WATCH_SECONDS_MIN = 300;
/** The cause that upstream gives, too. */
const TOO_LARGE = 'ResourceVersionTooLarge';

export interface ReflectorOptions<T extends ApiObject> {
  readonly transport: Transport;
  readonly resource: Resource<T>;
  readonly query?: Selection | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export interface Sink<T extends ApiObject> {
  /** All that exists at this revision. */
  replace(objects: readonly T[], revision: string): void;
  apply(event: WatchEvent<T>): void;
}

/** Resolves when aborted. */
export async function reflect<T extends ApiObject>(
  options: ReflectorOptions<T>,
  sink: Sink<T>,
  signal: AbortSignal,
): Promise<void> {
  const { clock, random, resource } = options;
  const log = options.log.with({ resource: resource.plural });
  const backOff = new BackOff(random, BACK_OFF);
  let revision: string | undefined;
  while (!signal.aborted) {
    const startedMs = clock.now();
    let isHealthy = false;
    let isClosed = false;
    try {
      if (revision === undefined) revision = await listInto(options, sink, signal);
      for await (const event of watchFrom(options, revision, signal)) {
        revision = revisionOf(event) ?? revision;
        sink.apply(event);
        isHealthy = true;
      }
      isClosed = true;
    } catch (error) {
      if (signal.aborted) break;
      if (mustList(error)) {
        log.debug('the revision cannot be watched: listing again', { revision, error });
        revision = undefined;
      } else log.warn('list or watch failed: will retry', { error });
    }
    const isOld = clock.now() - startedMs >= HEALTHY_AFTER_MS;
    if (isHealthy || isOld) backOff.reset();
    if (isClosed && isOld) continue;
    await clock.sleep(backOff.nextMs(), signal).catch(() => {});
  }
}

async function listInto<T extends ApiObject>(
  { transport, resource, query }: ReflectorOptions<T>,
  sink: Sink<T>,
  signal: AbortSignal,
): Promise<string> {
  const objects: T[] = [];
  let next: string | undefined;
  for (;;) {
    const page = await transport.list(
      resource,
      { ...query, limit: PAGE_OBJECTS, continue: next },
      signal,
    );
    for (const object of page.items) objects.push(object);
    next = page.metadata.continue;
    if (next === undefined || next === '') {
      const revision = page.metadata.resourceVersion ?? '0';
      sink.replace(objects, revision);
      return revision;
    }
  }
}

function watchFrom<T extends ApiObject>(
  { transport, resource, query, random }: ReflectorOptions<T>,
  resourceVersion: string,
  signal: AbortSignal,
): AsyncIterable<WatchEvent<T>> {
  const timeoutSeconds = Math.round(WATCH_SECONDS_MIN * (1 + random.fraction()));
  const watch = { ...query, resourceVersion, allowBookmarks: true, timeoutSeconds };
  return transport.watch(resource, watch, signal);
}

const revisionOf = (event: WatchEvent): string | undefined =>
  event.type === 'BOOKMARK' ? event.resourceVersion : event.object.metadata.resourceVersion;

/** Too old to be told, or from a future that a restored or emptied store has not reached. */
function mustList(error: unknown): boolean {
  if (hasReason(error, 'Expired', 'Gone')) return true;
  if (!hasReason(error, 'Timeout')) return false;
  return error.details.causes?.some(({ reason }) => reason === TOO_LARGE) ?? false;
}
