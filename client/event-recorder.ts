// Tells users what happened to their objects, as Events. It never blocks, throws or floods:
//
//   event() ─► same as before? count it ─► allowed for this object? ─► queue ─► create or patch
//
// Telling is best effort: what does not fit is dropped, and what cannot be written in a few tries.

import { type Clock, timestampOf } from '../machinery/clock.ts';
import { hasReason, StatusError } from '../machinery/errors.ts';
import type { Log } from '../machinery/log.ts';
import { TokenBucket, WorkQueue } from '../machinery/queue.ts';
import { type Random, suffix } from '../machinery/random.ts';
import type { Transport } from '../machinery/transport.ts';
import type { Event, ObjectReference } from '../proto/generated/core.v1.ts';
import { EVENTS } from '../proto/generated/resources.ts';
import type { ApiObject } from '../proto/resource.ts';

/** Distinct events that are remembered for counting; the least recent are forgotten. */
const REMEMBERED_MAX = 4096;
/** Objects whose rate is remembered. */
const SOURCES_MAX = 4096;
/** Events that wait to be written; more means that the API server cannot follow. */
const QUEUE_MAX = 1000;
/** Per object: this many at once, then one in five minutes. A crash loop must not fill the store. */
const BURST_MAX = 25;
const REFILL_PER_SECOND = 1 / 300;
const TRIES_MAX = 12;
/** Two at a time: telling is less urgent than doing. */
const WRITERS = 2;
/** What the API allows for a message. */
const MESSAGE_LENGTH_MAX = 1024;
/** Object names may have 253 characters; room for the dot and the random tail. */
const NAME_LENGTH_MAX = 230;

export type EventType = 'Normal' | 'Warning';

export interface EventRecorder {
  /** `object` carries apiVersion and kind, as all that come from the API do. */
  event(
    object: ApiObject | ObjectReference,
    type: EventType,
    reason: string,
    message: string,
  ): void;
  /** Writes until aborted. */
  run(signal: AbortSignal): Promise<void>;
}

/** One recorder, and one pair of writers, for all hosts that live in one process. */
export interface SharedRecorder extends EventRecorder {
  /** Speaks for another host; it is written by `run` of the recorder that it comes from. */
  of(host: string): EventRecorder;
}

export interface EventRecorderOptions {
  readonly transport: Transport;
  /** `kubelet`, `default-scheduler`... */
  readonly component: string;
  /** The node, for components that live on one. */
  readonly host?: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Events that wait to be written; for many hosts, more. */
  readonly queueMax?: number;
}

/** For tests and for parts that tell nobody. */
export const silentRecorder: EventRecorder = { event() {}, run: async () => {} };

interface Told {
  readonly event: Event;
  count: number;
  lastMs: number;
  isStored: boolean;
}

interface Composed {
  readonly regarding: ObjectReference;
  readonly type: EventType;
  readonly reason: string;
  readonly message: string;
}

export const createEventRecorder = (options: EventRecorderOptions): SharedRecorder =>
  new QueuedRecorder(options);

class QueuedRecorder implements SharedRecorder {
  readonly #options: EventRecorderOptions;
  readonly #queue: WorkQueue;
  readonly #told = new Map<string, Told>();
  readonly #buckets = new Map<string, TokenBucket>();

  constructor(options: EventRecorderOptions) {
    this.#options = options;
    this.#queue = new WorkQueue({
      clock: options.clock,
      baseDelayMs: 200,
      retryDelayMsMax: 30_000,
      onError: (key, error, failures) => this.#onError(key, error, failures),
    });
  }

  event(...what: Parameters<EventRecorder['event']>): void {
    this.#tell(this.#options.host, what);
  }

  of(host: string): EventRecorder {
    return { event: (...what) => this.#tell(host, what), run: async () => {} };
  }

  #tell(
    host: string | undefined,
    [object, type, reason, message]: Parameters<EventRecorder['event']>,
  ): void {
    const regarding = referenceOf(object);
    const text = message.slice(0, MESSAGE_LENGTH_MAX);
    const { uid, kind, namespace, name, fieldPath } = regarding;
    const source = JSON.stringify([kind, namespace, name, uid]);
    if (!this.#mayTell(source)) return;
    const key = JSON.stringify([source, host, fieldPath, type, reason, text]);
    const nowMs = this.#options.clock.now();
    const told = this.#told.get(key);
    if (told !== undefined) {
      told.count++;
      told.lastMs = nowMs;
    } else if (this.#queue.length >= (this.#options.queueMax ?? QUEUE_MAX)) return;
    const event = told?.event ?? this.#compose(host, { regarding, type, reason, message: text });
    remember(this.#told, key, told ?? { event, count: 1, lastMs: nowMs, isStored: false });
    this.#queue.add(key);
  }

  async run(signal: AbortSignal): Promise<void> {
    await this.#queue.run(WRITERS, (key) => this.#write(key), signal);
  }

  #mayTell(source: string): boolean {
    let bucket = this.#buckets.get(source);
    bucket ??= new TokenBucket(this.#options.clock, REFILL_PER_SECOND, BURST_MAX);
    remember(this.#buckets, source, bucket, SOURCES_MAX);
    return bucket.tryTake();
  }

  #compose(host: string | undefined, { regarding, type, reason, message }: Composed): Event {
    const { component, clock, random } = this.#options;
    const now = timestampOf(clock.now());
    const name = `${(regarding.name ?? '').slice(0, NAME_LENGTH_MAX)}.${suffix(random, 16)}`;
    return {
      metadata: { name, namespace: regarding.namespace || 'default' },
      involvedObject: regarding,
      reason,
      message,
      source: { component, ...(host !== undefined && { host }) },
      firstTimestamp: now,
      lastTimestamp: now,
      count: 1,
      type,
      reportingComponent: component,
      reportingInstance: host ?? '',
    };
  }

  async #write(key: string): Promise<void> {
    const told = this.#told.get(key);
    if (told === undefined) return;
    const { count } = told;
    const lastTimestamp = timestampOf(told.lastMs);
    if (told.isStored) await this.#recount(told, { count, lastTimestamp });
    else await this.#create(told, { ...told.event, count, lastTimestamp });
  }

  async #create(told: Told, event: Event): Promise<void> {
    await this.#options.transport.create(EVENTS, event);
    told.isStored = true;
  }

  async #recount(told: Told, counted: Pick<Event, 'count' | 'lastTimestamp'>): Promise<void> {
    const { metadata } = told.event;
    try {
      await this.#options.transport.patch(EVENTS, metadata, { type: 'merge', body: counted });
    } catch (error) {
      // Events expire after a while: one that goes on is told anew.
      if (!hasReason(error, 'NotFound')) throw error;
      await this.#create(told, { ...told.event, ...counted });
    }
  }

  #onError(key: string, error: unknown, failures: number): void {
    const { log } = this.#options;
    if (error instanceof StatusError && hasReason(error, 'AlreadyExists')) {
      const told = this.#told.get(key);
      if (told !== undefined) told.isStored = true;
      return;
    }
    const isLasting = !(error instanceof StatusError) || error.code < 429;
    if (!isLasting && failures < TRIES_MAX) return;
    this.#told.delete(key);
    log.debug('an event was dropped', { error });
  }
}

function referenceOf(object: ApiObject | ObjectReference): ObjectReference {
  if (!('metadata' in object)) return object;
  const { apiVersion, kind, metadata } = object;
  const { namespace, name, uid, resourceVersion } = metadata;
  return {
    ...(kind !== undefined && { kind }),
    ...(namespace !== undefined && { namespace }),
    name,
    ...(uid !== undefined && { uid }),
    ...(apiVersion !== undefined && { apiVersion }),
    ...(resourceVersion !== undefined && { resourceVersion }),
  };
}

/** Sets the entry as the most recent one, and forgets the least recent beyond the limit. */
function remember<T>(map: Map<string, T>, key: string, value: T, max = REMEMBERED_MAX): void {
  map.delete(key);
  map.set(key, value);
  if (map.size <= max) return;
  const [oldest] = map.keys();
  if (oldest !== undefined) map.delete(oldest);
}
