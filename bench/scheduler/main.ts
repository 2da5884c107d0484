// 1,000 pods on 100 hollow nodes: from the first create to the last binding seen by a watch,
// everything through the API (TLS, authorization, validation, the embedded store on disk).
// Below it, what that took of each process's time: on a busy machine, the figure to compare.
//
//   node dist/bench/scheduler/main.js [pods] [nodes]

import { performance } from 'node:perf_hooks';
import type { Pod } from '../../proto/generated/core.v1.ts';
import { PODS } from '../../proto/generated/resources.ts';
import { cpuDuring, inFlight, startBenchCluster } from '../bench-cluster.ts';

const [pods = 1_000, nodes = 100] = process.argv.slice(2).map(Number);
const CLIENTS = 64;

const cluster = startBenchCluster('bench-sched', ['--runtime', 'hollow', '--nodes', String(nodes)]);
const { transport } = cluster;
try {
  const stop = new AbortController();
  const { metadata } = await transport.list(PODS, { namespace: 'default', limit: 1 });
  const bound = new Map<string, string>();
  const watching = (async () => {
    const query = { namespace: 'default', resourceVersion: metadata.resourceVersion };
    for await (const event of transport.watch(PODS, query, stop.signal)) {
      if (event.type === 'BOOKMARK') continue;
      const { metadata, spec } = event.object;
      if (spec.nodeName === undefined) continue;
      const before = bound.get(metadata.name);
      if (before !== undefined && before !== spec.nodeName) throw new Error('bound twice');
      bound.set(metadata.name, spec.nodeName);
      if (bound.size === pods) return performance.now();
    }
    throw new Error('the watch ended early');
  })();
  const tasks = Array.from({ length: pods }, (_, index) => async () => {
    await transport.create(PODS, podNamed(`pod-${index}`));
  });
  const startMs = performance.now();
  let createdMs = startMs;
  let boundMs = startMs;
  const cpu = await cpuDuring(cluster, async () => {
    await inFlight(CLIENTS, tasks);
    createdMs = performance.now();
    boundMs = await watching;
  });
  stop.abort();
  const used = new Set(bound.values()).size;
  console.log(
    `${pods} pods on ${nodes} hollow nodes: created in ${seconds(createdMs - startMs)}, ` +
      `bound in ${seconds(boundMs - startMs)} ` +
      `(${Math.round((pods / (boundMs - startMs)) * 1000)} pods/s), on ${used} nodes` +
      (pods === 1_000 && nodes === 100 ? '   goal ≤ 1 s' : ''),
  );
  const parts = [...cpu].map(([name, spent]) => `${name} ${spent.toFixed(2)}`);
  const total = [...cpu.values()].reduce((sum, spent) => sum + spent, 0);
  console.log(`CPU-seconds until then: ${parts.join(', ')}, together ${total.toFixed(2)}`);
} finally {
  cluster.down();
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
