// What the scheduler tells Prometheus, under upstream's names where it has them.

import type { Metrics } from '../machinery/metrics.ts';

type QueueSizes = Readonly<Record<'active' | 'backoff' | 'parked' | 'gated', number>>;

export interface SchedulerMetrics {
  decided(result: 'place' | 'refuse', durationMs: number): void;
  bound(result: string, durationMs: number): void;
  placed(sinceQueuedMs: number, attempts: number): void;
  /** Answers how to stop looking. */
  watchQueue(read: () => QueueSizes): () => void;
}

const ATTEMPT_BUCKETS = [1, 2, 4, 8, 16];
const QUEUES = ['active', 'backoff', 'parked', 'gated'] as const;

export function schedulerMetrics(metrics: Metrics): SchedulerMetrics {
  const attempts = metrics.counter('scheduler_schedule_attempts_total', 'Decisions by result', [
    'result',
  ]);
  const algorithm = metrics.histogram(
    'scheduler_scheduling_algorithm_duration_seconds',
    'Time to decide on one pod',
  );
  const binding = metrics.histogram(
    'scheduler_binding_duration_seconds',
    'Time of one binding, by result',
    ['result'],
  );
  const total = metrics.histogram(
    'scheduler_pod_scheduling_sli_duration_seconds',
    'From first seen pending to bound',
  );
  const tries = metrics.histogram(
    'scheduler_pod_scheduling_attempts',
    'Decisions that a pod took until it was bound',
    [],
    ATTEMPT_BUCKETS,
  );
  let sizes: (() => QueueSizes) | undefined;
  for (const queue of QUEUES) {
    const name = `scheduler_pending_pods_${queue}`;
    metrics.gauge(name, `Pods that are ${queue}`, [], () => sizes?.()[queue] ?? 0);
  }
  return {
    decided(result, durationMs) {
      attempts.add({ result: result === 'place' ? 'scheduled' : 'unschedulable' });
      algorithm.observe(durationMs / 1000);
    },
    bound: (result, durationMs) => binding.observe(durationMs / 1000, { result }),
    placed(sinceQueuedMs, attemptCount) {
      total.observe(sinceQueuedMs / 1000);
      tries.observe(attemptCount);
    },
    watchQueue(read) {
      sizes = read;
      return () => {
        sizes = undefined;
      };
    },
  };
}
