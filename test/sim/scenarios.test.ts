// The whole cluster under many seeds: what users do, while things fail.

import { expect } from 'vitest';
import type { ReplicaSet } from '../../proto/generated/apps.v1.ts';
import type { Pod } from '../../proto/generated/core.v1.ts';
import { DEPLOYMENTS, SERVICES } from '../../proto/generated/resources.ts';
import { Chaos } from './chaos.ts';
import type { SimCluster } from './cluster.ts';
import { app, front, scale, setImage } from './objects.ts';
import { converges, scenario } from './scenario.ts';

scenario('without faults a deployment scales up and down', { seeds: 3 }, async (cluster) => {
  await cluster.act((api) => api.create(DEPLOYMENTS, app('web', { replicas: 3 })));
  await cluster.act((api) => api.create(SERVICES, front('web')));
  await converges(cluster, 30_000);
  await cluster.act(scale('web', 12));
  await converges(cluster, 30_000);
  await cluster.act(scale('web', 0));
  await converges(cluster, 60_000);
});

scenario('a deployment scales while everything fails', { seeds: 6 }, async (cluster) => {
  const chaos = new Chaos(cluster);
  cluster.isBindingExact = false; // A scheduler that restarts may not see yet what it has bound.
  await cluster.act((api) => api.create(DEPLOYMENTS, app('web', { replicas: 3 })));
  await cluster.act((api) => api.create(SERVICES, front('web')));
  chaos.begin();
  const random = cluster.random('user');
  for (let step = 0; step < 6; step++) {
    await cluster.act(scale('web', random.below(20)));
    await cluster.run(random.below(15_000));
  }
  chaos.settle();
  await converges(cluster);
});

scenario('a rolling update keeps to its limits', { seeds: 4 }, async (cluster) => {
  // Without lost nodes, whatever else fails: surge and unavailability are promises.
  const chaos = new Chaos(cluster, { pauseMsMax: 6_000 });
  cluster.isBindingExact = false;
  await cluster.act((api) =>
    api.create(DEPLOYMENTS, app('web', { replicas: 6, maxUnavailable: 2 })),
  );
  await converges(cluster);
  const extremes = watchRollout(cluster, 'web');
  chaos.begin();
  for (let version = 2; version <= 3; version++) {
    await cluster.act(setImage('web', `web:${version}`));
    await cluster.run(12_000);
  }
  chaos.settle();
  await converges(cluster);
  expect(extremes.wantedMax, 'replicas and one of surge').toBeLessThanOrEqual(7);
  expect(extremes.readyMin, 'replicas but two').toBeGreaterThanOrEqual(4);
});

scenario('a rolling update goes on while everything fails', { seeds: 6 }, async (cluster) => {
  const chaos = new Chaos(cluster);
  cluster.isBindingExact = false;
  await cluster.act((api) => api.create(DEPLOYMENTS, app('web', { replicas: 6 })));
  await cluster.act((api) => api.create(SERVICES, front('web')));
  await converges(cluster);
  chaos.begin();
  for (let version = 2; version <= 4; version++) {
    await cluster.act(setImage('web', `web:${version}`));
    await cluster.run(15_000);
  }
  chaos.settle();
  await converges(cluster);
});

/** From now on: the most pods that its ReplicaSets wanted, and the fewest that were ready. */
function watchRollout({ history }: SimCluster, name: string) {
  const extremes = { wantedMax: 0, readyMin: Number.POSITIVE_INFINITY };
  history.onVersion(({ key }) => {
    if (key.startsWith('/registry/apps/replicasets/')) {
      const sets = history.objects<ReplicaSet>('/registry/apps/replicasets/');
      const wanted = sets.reduce((sum, { spec }) => sum + (spec.replicas ?? 1), 0);
      extremes.wantedMax = Math.max(extremes.wantedMax, wanted);
    }
    if (key.startsWith('/registry/core/pods/')) {
      const ready = history.objects<Pod>('/registry/core/pods/').filter(({ metadata, status }) => {
        const isOurs = metadata.labels?.app === name && !metadata.deletionTimestamp;
        const is = status?.conditions?.find(({ type }) => type === 'Ready');
        return isOurs && is?.status === 'True';
      });
      extremes.readyMin = Math.min(extremes.readyMin, ready.length);
    }
  });
  return extremes;
}
