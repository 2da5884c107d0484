// One registry of metrics per component, in Prometheus text. Nothing is global: a test or a process
// that runs several components has several registries.

import { Counter, Gauge, Histogram, Registry } from 'prom-client';

/** Seconds; from a cache hit to a slow disk. */
const DURATION_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];

export type MetricLabels = Readonly<Record<string, string | number>>;

export interface Count {
  add(labels?: MetricLabels, by?: number): void;
}

export interface Level {
  set(value: number, labels?: MetricLabels): void;
}

export interface Distribution {
  observe(value: number, labels?: MetricLabels): void;
}

export interface Metrics {
  readonly contentType: string;
  counter(name: string, help: string, labelNames?: readonly string[]): Count;
  /** `read` is called when somebody looks; else the last `set` counts. */
  gauge(name: string, help: string, labelNames?: readonly string[], read?: () => number): Level;
  /** Buckets default to durations in seconds. */
  histogram(
    name: string,
    help: string,
    labelNames?: readonly string[],
    buckets?: readonly number[],
  ): Distribution;
  text(): Promise<string>;
}

export function createMetrics(): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const metrics: Metrics = {
    contentType: registry.contentType,
    counter(name, help, labelNames = []) {
      const counter = new Counter({ name, help, labelNames, registers });
      return { add: (labels = {}, by = 1) => counter.inc({ ...labels }, by) };
    },
    gauge(name, help, labelNames = [], read) {
      const gauge = new Gauge({
        name,
        help,
        labelNames,
        registers,
        ...(read && {
          collect() {
            this.set(read());
          },
        }),
      });
      return { set: (value, labels = {}) => gauge.set({ ...labels }, value) };
    },
    histogram(name, help, labelNames = [], buckets = DURATION_BUCKETS) {
      const histogram = new Histogram({ name, help, labelNames, buckets: [...buckets], registers });
      return { observe: (value, labels = {}) => histogram.observe({ ...labels }, value) };
    },
    text: () => registry.metrics(),
  };
  addProcessMetrics(metrics, registry);
  return metrics;
}

/** For parts that nobody measures. */
export const noMetrics: Metrics = {
  contentType: 'text/plain',
  counter: () => ({ add() {} }),
  gauge: () => ({ set() {} }),
  histogram: () => ({ observe() {} }),
  text: async () => '',
};

/** Read on demand: prom-client's own collectors keep a timer that wakes an idle process. */
function addProcessMetrics(metrics: Metrics, registry: Registry): void {
  const cpu = new Counter({
    name: 'process_cpu_seconds_total',
    help: 'CPU time, user and system',
    registers: [registry],
    collect() {
      const { user, system } = process.cpuUsage();
      this.reset();
      this.inc((user + system) / 1e6);
    },
  });
  cpu.reset();
  metrics.gauge('process_resident_memory_bytes', 'Resident memory', [], () =>
    process.memoryUsage.rss(),
  );
  metrics.gauge('nodejs_heap_used_bytes', 'JavaScript heap in use', [], () =>
    Number(process.memoryUsage().heapUsed),
  );
  metrics.gauge('process_uptime_seconds', 'Time since the process started', [], () =>
    process.uptime(),
  );
}
