// The whole cluster under many seeds: what users do, while things fail.

import { DEPLOYMENTS, SERVICES } from '../../proto/generated/resources.ts';
import { Chaos } from './chaos.ts';
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
