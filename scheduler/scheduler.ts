// Finds a node for every pending pod. One decision at a time, synchronous, over the snapshot; many
// bindings in flight behind it, each with its place already taken (assumed).
//
//   informers → feed → cache + queue ─pop→ decide ─┬ place  → assume → bind ─ failed → forget, retry
//                                                  └ refuse → park, event, condition

import type { Informer } from '../client/lister.ts';
import type { Clock } from '../machinery/clock.ts';
import type { Log } from '../machinery/log.ts';
import { type Metrics, noMetrics } from '../machinery/metrics.ts';
import type { Random } from '../machinery/random.ts';
import type { Transport } from '../machinery/transport.ts';
import type { Node, Pod } from '../proto/generated/core.v1.ts';
import { type Binding, bindPod, reserve, unreserve } from './binding.ts';
import { Cache } from './cache.ts';
import { ConditionWriter } from './condition-writer.ts';
import { createDecide, type Decide, type Decision } from './cycle.ts';
import type { Plugin } from './framework.ts';
import { InFlight } from './in-flight.ts';
import { type SchedulerMetrics, schedulerMetrics } from './metrics.ts';
import { feed } from './pod-feed.ts';
import type { Profile } from './profile.ts';
import { type QueuedPod, SchedulingQueue } from './queue.ts';

/** Enough to keep the API busy; more would only wait there instead of here. */
const BINDINGS_MAX = 64;
/** Decisions keep the thread no longer than this before news is let in. */
const SLICE_MS_MAX = 10;
const EXPIRE_MS = 30_000;
/** Good news waits until there is nothing more urgent; as much as the recorder takes at once. */
const NEWS_MAX = 1_000;
/** Bindings under way may end after the stop, but we do not wait for a server that is gone. */
const STOP_MS_MAX = 5_000;

/** Where events go; it neither waits nor fails. */
export interface EventSink {
  event(about: Pod, event: PodEvent): void;
}

export interface PodEvent {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
}

export interface SchedulerParts {
  readonly transport: Pick<Transport, 'patch'>;
  /** Somebody else runs them. */
  readonly pods: Informer<Pod>;
  readonly nodes: Informer<Node>;
  readonly profiles: readonly Profile[];
  readonly events: EventSink;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly metrics?: Metrics;
}

export interface Scheduler {
  /** Places pods until aborted. Can be run again: it starts from what the API shows. */
  run(signal: AbortSignal): Promise<void>;
}

export const createScheduler = (parts: SchedulerParts): Scheduler => {
  const metrics = schedulerMetrics(parts.metrics ?? noMetrics);
  return { run: (signal) => new Run(parts, metrics).run(signal) };
};

interface Compiled {
  readonly plugins: readonly Plugin[];
  readonly decide: Decide;
}

/** All that is known between one start and the next stop. */
class Run {
  readonly #parts: SchedulerParts;
  readonly #metrics: SchedulerMetrics;
  readonly #profiles: ReadonlyMap<string, Compiled>;
  readonly #cache: Cache;
  readonly #queue: SchedulingQueue;
  readonly #bindings = new InFlight(BINDINGS_MAX);
  readonly #conditions: ConditionWriter;
  readonly #news: (() => void)[] = [];

  constructor(parts: SchedulerParts, metrics: SchedulerMetrics) {
    this.#parts = parts;
    this.#metrics = metrics;
    this.#profiles = new Map(
      parts.profiles.map((profile) => [
        profile.schedulerName,
        {
          plugins: profile.plugins.map(({ plugin }) => plugin),
          decide: createDecide(profile, parts.random),
        },
      ]),
    );
    this.#cache = new Cache(parts.clock);
    this.#queue = queueFor(this.#profiles, parts.clock);
    this.#conditions = new ConditionWriter(parts);
  }

  async run(signal: AbortSignal): Promise<void> {
    const { pods, nodes, log, clock } = this.#parts;
    await Promise.all([nodes.synced(signal), pods.synced(signal)]);
    const stopFeed = feed({
      pods,
      nodes,
      cache: this.#cache,
      queue: this.#queue,
      isOurs: (pod) => this.#profileOf(pod) !== undefined,
      onSettled: (uid) => this.#conditions.drop(uid),
    });
    const stopGauges = this.#metrics.watchQueue(() => this.#queue.sizes);
    log.info('scheduling', { nodes: this.#cache.snapshot.count });
    try {
      await Promise.all([this.#place(signal), this.#expire(signal)]);
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      stopFeed();
      stopGauges();
      this.#queue.close();
      const settled = Promise.all([this.#bindings.settled(), this.#conditions.settled()]);
      await Promise.race([settled, clock.sleep(STOP_MS_MAX)]);
      this.#tellNews();
    }
  }

  async #place(signal: AbortSignal): Promise<void> {
    const { clock } = this.#parts;
    let sliceEndMs = clock.now() + SLICE_MS_MAX;
    for (;;) {
      await this.#queue.ready(signal);
      if (this.#bindings.isFull) await this.#bindings.room(signal);
      else if (clock.now() >= sliceEndMs) await clock.sleep(0, signal);
      else {
        this.#placeNext(signal);
        continue;
      }
      sliceEndMs = clock.now() + SLICE_MS_MAX;
    }
  }

  #placeNext(signal: AbortSignal): void {
    const entry = this.#queue.pop();
    if (entry === undefined) return;
    const profile = this.#profileOf(entry.info.pod)!;
    const startMs = this.#parts.clock.now();
    const decision = profile.decide(entry.info, this.#cache.snapshot);
    this.#metrics.decided(decision.kind, this.#parts.clock.now() - startMs);
    if (decision.kind === 'refuse') {
      this.#refuse(entry, decision);
      return;
    }
    const binding = { pod: entry.info, nodeName: decision.nodeName, plugins: profile.plugins };
    this.#cache.assume(entry.info, decision.nodeName);
    if (reserve(binding)) void this.#bindings.start(() => this.#bind(entry, binding, signal));
    else this.#giveBack(entry, binding);
  }

  #refuse(entry: QueuedPod, { message, refusedBy }: Decision & { kind: 'refuse' }): void {
    const { pod, key } = entry.info;
    this.#queue.park(entry, refusedBy);
    this.#parts.log.debug('pod fits nowhere', { pod: key, message });
    this.#parts.events.event(pod, { type: 'Warning', reason: 'FailedScheduling', message });
    this.#conditions.unschedulable(pod, message);
  }

  async #bind(entry: QueuedPod, binding: Binding, signal: AbortSignal): Promise<void> {
    const { log, clock, events } = this.#parts;
    const { pod, nodeName } = binding;
    const startMs = clock.now();
    const outcome = await bindPod(binding, signal);
    this.#metrics.bound(outcome.kind, clock.now() - startMs);
    if (outcome.kind === 'bound') {
      this.#bound(entry, binding);
      return;
    }
    unreserve(binding);
    this.#tellNews();
    if (outcome.kind === 'failed') {
      const { error } = outcome;
      const why = error instanceof Error ? error.message : String(error);
      const message = `running Bind: ${why}`;
      log.warn('could not bind, will retry', { pod: pod.key, node: nodeName, error });
      events.event(pod.pod, { type: 'Warning', reason: 'FailedScheduling', message });
    }
    this.#giveBack(entry, binding);
    if (outcome.kind === 'gone') this.#queue.remove(pod.uid);
  }

  #bound({ enqueuedMs, attempts }: QueuedPod, { pod, nodeName }: Binding): void {
    const { log, clock, events } = this.#parts;
    this.#cache.confirm(pod.uid);
    this.#queue.remove(pod.uid);
    this.#metrics.placed(clock.now() - enqueuedMs, attempts);
    log.debug('bound', { pod: pod.key, node: nodeName });
    const message = `Successfully assigned ${pod.key} to ${nodeName}`;
    this.#news.push(() => events.event(pod.pod, { type: 'Normal', reason: 'Scheduled', message }));
    // This one still counts as in flight.
    const isBusy = this.#bindings.size > 1 || this.#queue.hasWork;
    if (!isBusy || this.#news.length >= NEWS_MAX) this.#tellNews();
  }

  #tellNews(): void {
    for (const tell of this.#news.splice(0)) tell();
  }

  /** The place was not taken after all: free it, try the pod again, wake who may fit instead. */
  #giveBack(entry: QueuedPod, { pod, nodeName }: Binding): void {
    if (!this.#cache.forget(pod.uid)) return;
    this.#queue.retry(entry);
    this.#queue.wake({ kind: 'pod-removed', pod: pod.pod, nodeName });
  }

  async #expire(signal: AbortSignal): Promise<void> {
    const { clock, log, pods } = this.#parts;
    for (;;) {
      await clock.sleep(EXPIRE_MS, signal);
      for (const info of this.#cache.expire()) {
        log.warn('a binding was acknowledged but never shown', { pod: info.key });
        const pod = pods.get(info.key);
        if (pod?.metadata.uid === info.uid && !pod.spec.nodeName) this.#queue.put(info);
      }
    }
  }

  #profileOf({ spec }: Pod): Compiled | undefined {
    return this.#profiles.get(spec.schedulerName ?? 'default-scheduler');
  }
}

/** Order and gates come from the first profile that has them; hints from whoever refused. */
function queueFor(profiles: ReadonlyMap<string, Compiled>, clock: Clock): SchedulingQueue {
  const plugins = [...profiles.values()].flatMap((profile) => profile.plugins);
  const byName = new Map(plugins.map((plugin) => [plugin.name, plugin]));
  const sort = plugins.find(({ less }) => less !== undefined);
  const gates = plugins.filter(({ preEnqueue }) => preEnqueue !== undefined);
  return new SchedulingQueue({
    clock,
    less: (a, b) => sort?.less?.(a, b) ?? a.sequence < b.sequence,
    isGated: (pod) => gates.some((plugin) => plugin.preEnqueue?.(pod) !== undefined),
    hint: (name, pod, event) => byName.get(name)?.queueingHint?.(pod, event) ?? true,
  });
}
