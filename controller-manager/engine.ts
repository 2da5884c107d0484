// The engine every controller runs on, and the only place that catches what a controller throws.
//
//   informer change ─► keysFor ─► work queue ─► reconcile ─┬─ done
//                                     ▲  back-off ◄── throws ┤
//                                     └──── later ◄── requeueAfterMs

import type { Change, Informer } from '../client/lister.ts';
import type { Clock } from '../machinery/clock.ts';
import { hasReason, StatusError } from '../machinery/errors.ts';
import type { Log } from '../machinery/log.ts';
import type { Count, Distribution, Level, Metrics } from '../machinery/metrics.ts';
import { WorkQueue } from '../machinery/queue.ts';
import type { ApiObject } from '../proto/resource.ts';
import type { Controller, Key } from './controller.ts';

/** Who mends the cause of a failure should see the cluster heal within a minute. */
const RETRY_DELAY_MS_MAX = 60_000;
/** Optimistic writes collide while a rollout is busy; each collision is one cheap retry. */
const RETRIES_PER_SECOND = 50;
const RETRY_BURST_MAX = 500;

export interface EngineOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** Controllers may be started in several parts; they share the engine's metrics. */
export interface Engine {
  /** Runs until aborted; settles when every worker has put its key down. */
  run(controllers: readonly Controller[], signal: AbortSignal): Promise<void>;
}

interface EngineMetrics {
  readonly duration: Distribution;
  readonly errors: Count;
  readonly depth: Level;
}

export function createEngine(options: EngineOptions): Engine {
  const { metrics } = options;
  const labels = ['controller'];
  const measured: EngineMetrics = {
    duration: metrics.histogram(
      'controller_reconcile_duration_seconds',
      'Time of one reconcile',
      labels,
    ),
    errors: metrics.counter('controller_reconcile_errors_total', 'Reconciles that failed', labels),
    depth: metrics.gauge('workqueue_depth', 'Keys that wait for a worker', labels),
  };
  return {
    async run(controllers, signal) {
      await Promise.all(controllers.map((one) => runController(one, options, measured, signal)));
    },
  };
}

async function runController(
  controller: Controller,
  { clock, log: parentLog }: EngineOptions,
  { duration, errors, depth }: EngineMetrics,
  signal: AbortSignal,
): Promise<void> {
  const log = parentLog.with({ controller: controller.name });
  const labels = { controller: controller.name };
  const queue = new WorkQueue({
    clock,
    retryDelayMsMax: RETRY_DELAY_MS_MAX,
    retriesPerSecond: RETRIES_PER_SECOND,
    retryBurstMax: RETRY_BURST_MAX,
    onError(key, error, failures) {
      errors.add(labels);
      reportFailure(log, { key, error, failures });
    },
  });
  const unhook = controller.sources.map(({ informer, keysFor }) =>
    informer.onChange((change) => wake(keysFor, change, queue, log)),
  );
  try {
    if (!(await haveSynced(controller, signal))) return;
    for (const { informer, keysFor } of controller.sources) {
      for (const object of informer.list()) wake(keysFor, { type: 'added', object }, queue, log);
    }
    for (const key of controller.initialKeys ?? []) queue.add(key);
    const timed = async (key: Key) => {
      const startMs = clock.now();
      try {
        return await controller.reconcile(key, signal);
      } finally {
        duration.observe((clock.now() - startMs) / 1000, labels);
        depth.set(queue.length, labels);
      }
    };
    await queue.run(controller.workers, timed, signal);
  } finally {
    for (const off of unhook) off();
    queue.close();
  }
}

function wake(
  keysFor: (change: Change<ApiObject>) => readonly Key[],
  change: Change<ApiObject>,
  queue: WorkQueue,
  log: Log,
): void {
  try {
    for (const key of keysFor(change)) queue.add(key);
  } catch (error) {
    log.error('could not tell whom a change concerns', {
      name: change.object.metadata.name,
      error,
    });
  }
}

/** False when aborted first. */
async function haveSynced(controller: Controller, signal: AbortSignal): Promise<boolean> {
  const informers: readonly Informer<ApiObject>[] = [
    ...controller.sources.map(({ informer }) => informer),
    ...(controller.reads ?? []),
  ];
  try {
    await Promise.all(informers.map((informer) => informer.synced(signal)));
    return true;
  } catch (error) {
    if (signal.aborted) return false;
    throw error;
  }
}

function reportFailure(
  log: Log,
  failure: { readonly key: Key; readonly error: unknown; readonly failures: number },
): void {
  if (hasReason(failure.error, 'Conflict')) log.debug('somebody was faster, will retry', failure);
  else if (failure.error instanceof StatusError) log.warn('reconcile refused, will retry', failure);
  else log.error('reconcile failed', failure);
}
