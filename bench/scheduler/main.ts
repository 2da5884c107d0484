// 1,000 pods on 100 hollow nodes: from the first create to the last binding seen by a watch,
// everything through the API (TLS, authorization, validation, the embedded store on disk).
// Several times on one cluster: the first finds six processes that have just started, with nothing
// compiled yet. With it, the time that each process took: on a busy machine, the figure to compare.
//
//   node dist/bench/scheduler/main.js [pods] [nodes] [rounds]

import { performance } from 'node:perf_hooks';
import type { Pod } from '../../proto/generated/core.v1.ts';
import { PODS } from '../../proto/generated/resources.ts';
import {
  type BenchCluster,
  cpuDuring,
  inFlight,
  median,
  startBenchCluster,
  untilIdle,
} from '../bench-cluster.ts';

const [pods = 1_000, nodes = 100, rounds = 5] = process.argv.slice(2).map(Number);
const CLIENTS = 64;

interface Round {
  readonly createdMs: number;
  readonly boundMs: number;
  readonly nodesUsed: number;
  readonly cpu: ReadonlyMap<string, number>;
}

const cluster = startBenchCluster('bench-sched', ['--runtime', 'hollow', '--nodes', String(nodes)]);
try {
  console.log(`${pods} pods on ${nodes} hollow nodes, ${CLIENTS} clients`);
  const warm: number[] = [];
  for (let number = 1; number <= rounds; number++) {
    const { createdMs, boundMs, nodesUsed, cpu } = await round(cluster, `round-${number}`);
    if (number > 1) warm.push(boundMs);
    console.log(
      `round ${number}: created in ${seconds(createdMs)}, bound in ${seconds(boundMs)} ` +
        `(${Math.round((pods / boundMs) * 1000)} pods/s), on ${nodesUsed} nodes`,
    );
    const parts = [...cpu].map(([name, spent]) => `${name} ${spent.toFixed(2)}`);
    const total = [...cpu.values()].reduce((sum, spent) => sum + spent, 0);
    console.log(`         CPU-seconds: ${parts.join(', ')}, together ${total.toFixed(2)}`);
    await untilIdle(cluster);
  }
  const goal = pods === 1_000 && nodes === 100 ? '   goal ≤ 1 s' : '';
  console.log(`bound, median of the rounds after the first: ${seconds(median(warm))}${goal}`);
} finally {
  cluster.down();
}

async function round({ transport, pids }: BenchCluster, prefix: string): Promise<Round> {
  const stop = new AbortController();
  const { metadata } = await transport.list(PODS, { namespace: 'default', limit: 1 });
  const bound = new Map<string, string>();
  const watching = (async () => {
    const query = { namespace: 'default', resourceVersion: metadata.resourceVersion };
    for await (const event of transport.watch(PODS, query, stop.signal)) {
      if (event.type === 'BOOKMARK') continue;
      const { metadata, spec } = event.object;
      if (spec.nodeName === undefined || !metadata.name.startsWith(prefix)) continue;
      const before = bound.get(metadata.name);
      if (before !== undefined && before !== spec.nodeName) throw new Error('bound twice');
      bound.set(metadata.name, spec.nodeName);
      if (bound.size === pods) return performance.now();
    }
    throw new Error('the watch ended early');
  })();
  const tasks = Array.from({ length: pods }, (_, index) => async () => {
    await transport.create(PODS, podNamed(`${prefix}-${index}`));
  });
  const startMs = performance.now();
  let createdMs = startMs;
  let boundMs = startMs;
  const cpu = await cpuDuring({ pids }, async () => {
    await inFlight(CLIENTS, tasks);
    createdMs = performance.now();
    boundMs = await watching;
  });
  stop.abort();
  const nodesUsed = new Set(bound.values()).size;
  return { createdMs: createdMs - startMs, boundMs: boundMs - startMs, nodesUsed, cpu };
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`;
}

function podNamed(name: string): Pod {
  return {
    metadata: { name, namespace: 'default' },
    spec: {
      automountServiceAccountToken: false,
      containers: [
        {
          name: 'main',
          image: 'wherry-shop/web:1',
          resources: { requests: { cpu: '100m', memory: '64Mi' } },
        },
      ],
    },
  };
}
