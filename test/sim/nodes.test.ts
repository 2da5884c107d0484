// Nodes that lose power or are cut off: seen, emptied, replaced, and welcome back.

import { expect } from 'vitest';
import type { Node, Pod } from '../../proto/generated/core.v1.ts';
import { DEPLOYMENTS, NODES, SERVICES } from '../../proto/generated/resources.ts';
import { Chaos } from './chaos.ts';
import type { SimCluster } from './cluster.ts';
import { app, front, scale } from './objects.ts';
import { converges, scenario } from './scenario.ts';

/** Silence is forgiven for 40 s, the pods tolerate 20 s more. */
const EVICTED_MS = 120_000;
const TOLERATION_SECONDS = 20;

scenario('pods of a node without power come up elsewhere', { seeds: 4 }, async (cluster) => {
  const victim = await deployOnNodes(cluster);
  cluster.powerOff(victim);
  await cluster.until(
    async () => (readyOf(cluster, victim) === 'Unknown' ? undefined : 'Ready'),
    60_000,
  );
  await converges(cluster, EVICTED_MS);
  expect(activeOn(cluster, victim)).toEqual([]);
  cluster.powerOn(victim);
  await converges(cluster);
  expect(readyOf(cluster, victim)).toBe('True');
});

scenario('a node that is cut off is emptied once it is back', { seeds: 4 }, async (cluster) => {
  const victim = await deployOnNodes(cluster);
  cluster.network.cutOff(`kubelet-${victim}`);
  await cluster.run(EVICTED_MS);
  expect(activeOn(cluster, victim)).toEqual([]);
  const { containers } = await cluster.node(victim).runtime.list();
  expect(containers.length, 'nobody told the node to end them').toBeGreaterThan(0);
  cluster.network.join(`kubelet-${victim}`);
  await converges(cluster);
});

scenario(
  'a node comes back before anybody minds, and restarts its own',
  { seeds: 3 },
  async (cluster) => {
    const victim = await deployOnNodes(cluster);
    const before = activeOn(cluster, victim);
    cluster.powerOff(victim);
    await cluster.run(15_000);
    cluster.powerOn(victim);
    await converges(cluster);
    expect(activeOn(cluster, victim)).toEqual(before);
  },
);

scenario('a node that is deleted takes its pods with it', { seeds: 3 }, async (cluster) => {
  const victim = await deployOnNodes(cluster);
  cluster.powerOff(victim);
  await cluster.act((api) => api.delete(NODES, { name: victim }));
  await cluster.until(
    async () => (podsOn(cluster, victim).length === 0 ? undefined : 'its pods are still there'),
    60_000,
  );
  await converges(cluster);
});

scenario('power fails here and there while everything fails', { seeds: 5 }, async (cluster) => {
  await deployOnNodes(cluster);
  cluster.isBindingExact = false;
  const chaos = new Chaos(cluster);
  chaos.begin();
  const random = cluster.random('power');
  for (let step = 0; step < 4; step++) {
    const { name } = random.pick(cluster.nodes);
    cluster.powerOff(name);
    await cluster.run(random.fraction() ** 2 * EVICTED_MS);
    cluster.powerOn(name);
    await cluster.act(scale('web', 3 + random.below(9)));
    await cluster.run(random.below(20_000));
  }
  chaos.settle();
  await converges(cluster);
});

/** Answers a node with pods on it. */
async function deployOnNodes(cluster: SimCluster): Promise<string> {
  const wish = { replicas: 9, cpu: '700m', tolerationSeconds: TOLERATION_SECONDS };
  await cluster.act((api) => api.create(SERVICES, front('web')));
  await cluster.act((api) => api.create(DEPLOYMENTS, app('web', { ...wish, replicas: 6 })));
  await converges(cluster);
  const used = cluster.nodes.filter(({ name }) => podsOn(cluster, name).length > 0);
  return cluster.random('victim').pick(used).name;
}

const podsOn = ({ history }: SimCluster, name: string) =>
  history.objects<Pod>('/registry/core/pods/').filter(({ spec }) => spec.nodeName === name);

const activeOn = (cluster: SimCluster, name: string) =>
  podsOn(cluster, name)
    .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    .map(({ metadata }) => metadata.name)
    .sort();

function readyOf({ history }: SimCluster, name: string): string | undefined {
  const node = history.at(`/registry/core/nodes/${name}`) as Node | undefined;
  return node?.status?.conditions?.find(({ type }) => type === 'Ready')?.status;
}
