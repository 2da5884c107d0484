// Decisions only, one thread, no API: how many pods a second find a node.
//   node dist/bench/scheduler-core/main.js [nodes] [pods]

import { performance } from 'node:perf_hooks';
import { systemClock } from '../../machinery/clock.ts';
import { systemRandom } from '../../machinery/random.ts';
import type { Node, Pod } from '../../proto/generated/core.v1.ts';
import { Cache } from '../../scheduler/cache.ts';
import { createDecide } from '../../scheduler/cycle.ts';
import { podInfoOf } from '../../scheduler/pod-info.ts';
import { defaultProfile } from '../../scheduler/profile.ts';

const nodeOf = (i: number): Node => ({
  metadata: { name: `node-${i}`, labels: { zone: `z${i % 3}` } },
  spec: {},
  status: { allocatable: { cpu: '4', memory: '32Gi', pods: '110' } },
});

const podOf = (i: number, spec: Partial<Pod['spec']>): Pod => ({
  metadata: { name: `pod-${i}`, namespace: 'default', uid: `uid-${i}` },
  spec: {
    containers: [
      {
        name: 'main',
        image: 'pause',
        resources: { requests: { cpu: '100m', memory: '500Mi' } },
      },
    ],
    ...spec,
  },
});

const WORKLOADS: Readonly<Record<string, Partial<Pod['spec']>>> = {
  basic: {},
  'node selector': { nodeSelector: { zone: 'z1' } },
};

const [nodes = 5_000, pods = 10_000] = process.argv.slice(2).map(Number);
for (const [name, spec] of Object.entries(WORKLOADS)) {
  const perSecond = measure(spec, nodes, pods);
  process.stdout.write(`${name}: ${nodes} nodes, ${pods} pods: ${perSecond.toFixed(0)} pods/s\n`);
}

function measure(spec: Partial<Pod['spec']>, nodeCount: number, podCount: number): number {
  const cache = new Cache(systemClock);
  for (let i = 0; i < nodeCount; i++) cache.putNode(nodeOf(i));
  const profile = defaultProfile({ transport: { bind: async () => {} } });
  const decide = createDecide(profile, systemRandom);
  const start = performance.now();
  for (let i = 0; i < podCount; i++) {
    const info = podInfoOf(podOf(i, spec), cache.snapshot.columns);
    const decision = decide(info, cache.snapshot);
    if (decision.kind === 'place') cache.assume(info, decision.nodeName);
  }
  return podCount / ((performance.now() - start) / 1000);
}
