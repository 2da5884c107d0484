// New images at any moment, controllers restarted in the middle: a rolling update keeps its
// promises at every single change of a pod, and ends with the last image everywhere.

import { expect, test } from 'vitest';
import { systemClock } from '../../machinery/clock.ts';
import { isDeleting } from '../../machinery/object.ts';
import type { Pod } from '../../proto/generated/core.v1.ts';
import { DEPLOYMENTS, PODS, REPLICA_SETS } from '../../proto/generated/resources.ts';
import { SeededRandom } from '../sim/seeded-random.ts';
import {
  type ControllerCluster,
  deploymentOf,
  eventually,
  startControllerCluster,
} from './controller-cluster.ts';

const REPLICAS = 6;
const CHANGES = 8;
const AT = { namespace: 'default', name: 'storm' };

const isActive = (pod: Pod) => !isDeleting(pod);
const isReady = (pod: Pod) =>
  pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True');

/** Follows every pod; answers the extremes that it saw since it was armed. */
function watchPods(cluster: ControllerCluster, signal: AbortSignal) {
  const pods = new Map<string, Pod>();
  const seen = { most: 0, fewest: Number.POSITIVE_INFINITY, isArmed: false };
  const run = async () => {
    for await (const event of cluster.transport.watch(PODS, {}, signal)) {
      if (event.type === 'BOOKMARK') continue;
      const { name } = event.object.metadata;
      if (event.type === 'DELETED') pods.delete(name);
      else pods.set(name, event.object);
      const active = [...pods.values()].filter(isActive);
      seen.most = Math.max(seen.most, active.length);
      if (seen.isArmed) seen.fewest = Math.min(seen.fewest, active.filter(isReady).length);
    }
  };
  const running = run().catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
  return { seen, running, pods };
}

const rolledOut = (cluster: ControllerCluster) =>
  eventually('the rollout ends', async () => {
    const deployment = await cluster.find(DEPLOYMENTS, AT);
    const { status, metadata } = deployment ?? {};
    return (
      (status?.observedGeneration ?? 0) >= (metadata?.generation ?? 1) &&
      status?.updatedReplicas === REPLICAS &&
      status.replicas === REPLICAS &&
      status.availableReplicas === REPLICAS
    );
  });

test.each([
  { seed: 1, maxSurge: 1, maxUnavailable: 0 },
  { seed: 2, maxSurge: 0, maxUnavailable: 2 },
  { seed: 3, maxSurge: '50%', maxUnavailable: '25%' },
])('seed $seed: surge $maxSurge, unavailable $maxUnavailable', async (round) => {
  const { seed, maxSurge, maxUnavailable } = round;
  const random = new SeededRandom(seed);
  const cluster = await startControllerCluster();
  const stop = new AbortController();
  const { seen, running } = watchPods(cluster, stop.signal);
  try {
    cluster.readyAfterMs = () => random.below(25);
    await cluster.transport.create(
      DEPLOYMENTS,
      deploymentOf('storm', 'a:0', {
        replicas: REPLICAS,
        strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge, maxUnavailable } },
      }),
    );
    await rolledOut(cluster);
    seen.isArmed = true;
    for (let change = 1; change <= CHANGES; change++) {
      await cluster.transport.patch(DEPLOYMENTS, AT, {
        type: 'strategic',
        body: {
          spec: { template: { spec: { containers: [{ name: 'main', image: `a:${change}` }] } } },
        },
      });
      await systemClock.sleep(random.below(60));
      if (random.below(2) === 0) await cluster.restartManager();
    }
    await rolledOut(cluster);
    const pods = await cluster.list(PODS, 'default');
    const images = pods.filter(isActive).map(({ spec }) => spec.containers[0]?.image);
    expect(images).toEqual(Array.from({ length: REPLICAS }, () => `a:${CHANGES}`));
    const surge = maxSurge === '50%' ? 3 : Number(maxSurge);
    const missing = maxUnavailable === '25%' ? 1 : Number(maxUnavailable);
    expect(seen.most, 'never above the surge').toBeLessThanOrEqual(REPLICAS + surge);
    expect(seen.fewest, 'never below what must serve').toBeGreaterThanOrEqual(REPLICAS - missing);
    const sets = await cluster.list(REPLICA_SETS, 'default');
    expect(sets.filter(({ spec }) => (spec.replicas ?? 0) > 0)).toHaveLength(1);
  } finally {
    stop.abort();
    await running;
    await cluster.close();
  }
});
