// Events are news, not records: an hour after they were last seen they go, or they would fill the
// store for ever. Level-triggered: each round looks at all that the cache holds.

import type { Clock } from '../../machinery/clock.ts';
import type { Log } from '../../machinery/log.ts';
import type { Event } from '../../proto/generated/core.v1.ts';
import { EVENTS } from '../../proto/generated/resources.ts';
import type { Stores } from './change.ts';
import { storeKeyOf } from './keys.ts';
import type { Encoded } from './registry.ts';

/** Upstream's time to live. */
const EVENT_TTL_MS = 3_600_000;
const ROUND_MS = 60_000;
/** Deletes of one round; what is left over goes in the next one. */
const ROUND_DELETES_MAX = 2000;
/** At a time: the thread and the store's group commit stay free for others. */
const BATCH = 100;

export interface EventExpiryParts extends Stores {
  readonly clock: Clock;
  readonly log: Log;
}

/** Settles when aborted. */
export async function runEventExpiry(parts: EventExpiryParts, signal: AbortSignal): Promise<void> {
  const { clock, log } = parts;
  while (!signal.aborted) {
    await clock.sleep(ROUND_MS, signal).catch(() => {});
    if (signal.aborted) return;
    try {
      await expireEvents(parts);
    } catch (error) {
      log.warn('Could not remove old events, will retry', { error });
    }
  }
}

export async function expireEvents({ store, hub, clock }: EventExpiryParts): Promise<void> {
  const expired = planExpiry(hub.cacheOf(EVENTS).list({}).items, clock.now());
  for (let at = 0; at < expired.length; at += BATCH) {
    await Promise.all(
      expired.slice(at, at + BATCH).map(({ object, revision }) => {
        const { namespace, name } = object.metadata;
        // An event that was seen again meanwhile has another revision, and stays.
        return store.delete(storeKeyOf(EVENTS, namespace, name), { expectedRevision: revision });
      }),
    );
  }
}

export const planExpiry = (items: readonly Encoded[], nowMs: number): readonly Encoded[] =>
  items
    .filter(({ object }) => nowMs - lastSeenMs(object as Event) > EVENT_TTL_MS)
    .slice(0, ROUND_DELETES_MAX);

function lastSeenMs({ metadata, series, lastTimestamp, eventTime }: Event): number {
  const times = [series?.lastObservedTime, lastTimestamp, eventTime, metadata.creationTimestamp];
  return Math.max(0, ...times.map((time) => (time ? Date.parse(time) : 0)));
}
