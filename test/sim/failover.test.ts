// Components that stand in for each other, and components that come back at any moment.

import { DEPLOYMENTS, SERVICES } from '../../proto/generated/resources.ts';
import { Chaos } from './chaos.ts';
import type { SimCluster } from './cluster.ts';
import { CALM } from './network.ts';
import { app, front, scale, setImage } from './objects.ts';
import { converges, scenario } from './scenario.ts';

const ROLLOUT_MS = 4_000;

scenario('each component is killed at some moment of a rollout', { seeds: 6 }, async (cluster) => {
  const random = cluster.random('moments');
  await cluster.act((api) => api.create(DEPLOYMENTS, app('web', { replicas: 4 })));
  await cluster.act((api) => api.create(SERVICES, front('web')));
  await converges(cluster);
  cluster.isBindingExact = false; // A scheduler that restarts may not see yet what it has bound.
  for (const [round, name] of cluster.components.entries()) {
    const change = round % 2 === 0 ? setImage('web', `web:${round + 2}`) : scale('web', 3 + round);
    await cluster.act(change);
    await cluster.run(random.fraction() ** 2 * ROLLOUT_MS);
    cluster.crash(name);
    await cluster.run(random.fraction() * ROLLOUT_MS);
    cluster.start(name);
  }
  await converges(cluster);
});

scenario(
  'of two schedulers and two managers one leads, and the other takes over',
  { seeds: 5, schedulers: 2, managers: 2 },
  async (cluster) => {
    const victims = ['scheduler-1', 'scheduler-2', 'manager-1', 'manager-2'];
    const chaos = new Chaos(cluster, { victims, faults: ['crash', 'cut-off', 'bad-weather'] });
    await cluster.act((api) => api.create(SERVICES, front('web')));
    await cluster.act((api) => api.create(DEPLOYMENTS, app('web', { replicas: 3 })));
    cluster.isBindingExact = false; // As above.
    chaos.begin();
    await playWithScale(cluster);
    chaos.settle();
    await converges(cluster);
  },
);

scenario(
  'two schedulers that know nothing of each other bind no pod twice',
  { seeds: 4, schedulers: 2, areRivals: true },
  async (cluster) => {
    await cluster.act((api) => api.create(SERVICES, front('web')));
    await cluster.act((api) => api.create(DEPLOYMENTS, app('web', { replicas: 2 })));
    await converges(cluster);
    cluster.network.weather = { delayMsMax: 100, lossRate: 0.02 };
    await playWithScale(cluster);
    cluster.network.weather = { ...CALM };
    await converges(cluster);
  },
);

scenario(
  'what two schedulers together put too much on a node, the node refuses',
  { seeds: 4, schedulerNames: ['one', 'two'], areRivals: true, nodes: 3 },
  async (cluster) => {
    const big = { replicas: 3, cpu: '1800m' };
    cluster.network.weather = { delayMsMax: 40, lossRate: 0 };
    await cluster.act(async (api) => {
      await Promise.all(
        ['one', 'two'].map((schedulerName) =>
          api.create(DEPLOYMENTS, app(schedulerName, { ...big, schedulerName })),
        ),
      );
    });
    await converges(cluster);
  },
);

scenario(
  'what does not fit waits, and is placed once there is room',
  { seeds: 2 },
  async (cluster) => {
    await cluster.act((api) => api.create(DEPLOYMENTS, app('big', { replicas: 6, cpu: '2' })));
    await converges(cluster);
    await cluster.act((api) => api.create(DEPLOYMENTS, app('late', { replicas: 3, cpu: '1500m' })));
    await cluster.run(20_000);
    await cluster.act(scale('big', 3));
    await converges(cluster);
  },
);

async function playWithScale(cluster: SimCluster): Promise<void> {
  const random = cluster.random('user');
  for (let step = 0; step < 5; step++) {
    await cluster.act(scale('web', 1 + random.below(15)));
    await cluster.run(random.below(20_000));
  }
}
