// What is deleted goes, and takes along what belongs to it, whatever fails meanwhile.

import { expect } from 'vitest';
import {
  CONFIG_MAPS,
  DEPLOYMENTS,
  NAMESPACES,
  REPLICA_SETS,
  SERVICES,
} from '../../proto/generated/resources.ts';
import { configMap, namespace } from '../builders.ts';
import { Chaos } from './chaos.ts';
import type { SimCluster } from './cluster.ts';
import { app, front } from './objects.ts';
import { converges, scenario } from './scenario.ts';

const PODS = '/registry/core/pods/';
const SETS = '/registry/apps/replicasets/';

scenario(
  'a namespace goes with all that is in it, and can be made anew',
  { seeds: 5 },
  async (cluster) => {
    const chaos = new Chaos(cluster);
    for (let round = 0; round < 2; round++) {
      await makeShop(cluster);
      await cluster.run(4_000);
      chaos.begin();
      await cluster.act((api) => api.delete(NAMESPACES, { name: 'shop' }));
      await cluster.run(15_000);
      chaos.settle();
      await converges(cluster);
      expect(cluster.history.at('/registry/core/namespaces/shop')).toBeUndefined();
      expect(cluster.history.state(`${PODS}shop/`).size).toBe(0);
    }
  },
);

scenario('owners take along what they own, in either order', { seeds: 4 }, async (cluster) => {
  const chaos = new Chaos(cluster);
  for (const name of ['one', 'two']) {
    await cluster.act((api) => api.create(DEPLOYMENTS, app(name, { replicas: 3 })));
    await cluster.act((api) => api.create(SERVICES, front(name)));
  }
  await converges(cluster);
  chaos.begin();
  const at = (name: string) => ({ namespace: 'default', name });
  await cluster.act((api) =>
    api.delete(DEPLOYMENTS, at('one'), { propagationPolicy: 'Foreground' }),
  );
  await cluster.act((api) =>
    api.delete(DEPLOYMENTS, at('two'), { propagationPolicy: 'Background' }),
  );
  await cluster.act((api) => api.delete(SERVICES, at('one')));
  await cluster.run(10_000);
  chaos.settle();
  await converges(cluster);
  expect(cluster.history.state(PODS).size).toBe(0);
  expect(cluster.history.state(SETS).size).toBe(0);
});

scenario(
  'orphans stay, and a namesake with the same selector adopts them',
  { seeds: 4 },
  async (cluster) => {
    await cluster.act((api) => api.create(DEPLOYMENTS, app('web', { replicas: 3 })));
    await converges(cluster);
    const names = [...cluster.history.state(PODS).keys()].sort();
    const chaos = new Chaos(cluster, { pauseMsMax: 2_000 });
    chaos.begin();
    const at = { namespace: 'default', name: 'web' };
    await cluster.act((api) => api.delete(DEPLOYMENTS, at, { propagationPolicy: 'Orphan' }));
    await cluster.run(8_000);
    chaos.settle();
    await converges(cluster);
    expect(cluster.history.objects(SETS).map(({ metadata }) => metadata.ownerReferences)).toEqual([
      undefined,
    ]);
    await cluster.act((api) => api.create(DEPLOYMENTS, app('web', { replicas: 3 })));
    await converges(cluster);
    expect([...cluster.history.state(PODS).keys()].sort()).toEqual(names);
    await cluster.act((api) => api.deleteCollection(REPLICA_SETS, { namespace: 'default' }));
    await converges(cluster);
  },
);

async function makeShop(cluster: SimCluster): Promise<void> {
  const inShop = { namespace: 'shop' };
  await cluster.act((api) => api.create(NAMESPACES, namespace('shop')));
  await cluster.act((api) => api.create(CONFIG_MAPS, configMap('prices', { tea: '3' }, inShop)));
  await cluster.act((api) => api.create(SERVICES, front('web', 'shop')));
  await cluster.act((api) => api.create(DEPLOYMENTS, app('web', { replicas: 4, ...inShop })));
}
