// Anything, at any time: users who change their minds, several of everything, all faults at once.

import { hasReason } from '../../machinery/errors.ts';
import type { Transport } from '../../machinery/transport.ts';
import type { Pod } from '../../proto/generated/core.v1.ts';
import { DEPLOYMENTS, NAMESPACES, PODS, SERVICES } from '../../proto/generated/resources.ts';
import { namespace } from '../builders.ts';
import { Chaos } from './chaos.ts';
import type { SimCluster } from './cluster.ts';
import { app, front, scale, setImage } from './objects.ts';
import { converges, scenario } from './scenario.ts';

const STEPS = 25;
const PAUSE_MS_MAX = 6_000;
const NAMES = ['red', 'green', 'blue'] as const;

scenario(
  'whatever users do and whatever fails, what they last wished for comes true',
  { seeds: 8, nodes: 4, schedulers: 2, managers: 2 },
  async (cluster) => {
    cluster.isBindingExact = false; // A new leader may not see yet what the old one has bound.
    const random = cluster.random('user');
    const chaos = new Chaos(cluster, { pauseMsMax: 2_000 });
    chaos.begin();
    for (let step = 0; step < STEPS; step++) {
      await random.pick(DEEDS)(cluster);
      await cluster.run(random.fraction() ** 2 * PAUSE_MS_MAX);
    }
    chaos.settle();
    for (const { name, isOn } of cluster.nodes) if (!isOn) cluster.powerOn(name);
    await converges(cluster);
  },
);

type Deed = (cluster: SimCluster) => Promise<unknown>;

const byName =
  (deed: (name: string, cluster: SimCluster) => (api: Transport) => Promise<unknown>): Deed =>
  async (cluster) => {
    const name = cluster.random(`name@${cluster.clock.now()}`).pick(NAMES);
    // Of what is not there, nothing can be scaled or deleted; what is there cannot be created.
    await cluster.act((api) => deed(name, cluster)(api).catch(ignoreRefusal));
  };

const DEEDS: readonly Deed[] = [
  byName((name, cluster) => (api) => {
    const replicas = cluster.random(`count@${cluster.clock.now()}`).below(8);
    return api.create(DEPLOYMENTS, app(name, { replicas, tolerationSeconds: 10 }));
  }),
  byName((name) => (api) => api.create(SERVICES, front(name))),
  byName((name, cluster) => scale(name, cluster.random(`to@${cluster.clock.now()}`).below(12))),
  byName((name, cluster) => setImage(name, `web:${Math.floor(cluster.clock.now())}`)),
  byName((name) => (api) => api.delete(DEPLOYMENTS, { namespace: 'default', name })),
  byName(
    (name) => (api) =>
      api.delete(DEPLOYMENTS, { namespace: 'default', name }, { propagationPolicy: 'Foreground' }),
  ),
  byName((name) => (api) => api.delete(SERVICES, { namespace: 'default', name })),
  byName((name) => (api) => api.create(NAMESPACES, namespace(name))),
  byName(
    (name) => (api) => api.create(DEPLOYMENTS, app('inner', { replicas: 2, namespace: name })),
  ),
  byName((name) => (api) => api.delete(NAMESPACES, { name })),
  byName((name, { history }) => async (api) => {
    const pods = history.objects<Pod>('/registry/core/pods/default/');
    const pod = pods.find(({ metadata }) => metadata.labels?.app === name);
    if (pod) await api.delete(PODS, pod.metadata, { gracePeriodSeconds: pods.length % 2 });
  }),
  async (cluster) => {
    const node = cluster.random(`node@${cluster.clock.now()}`).pick(cluster.nodes);
    if (node.isOn) cluster.powerOff(node.name);
    else cluster.powerOn(node.name);
  },
];

function ignoreRefusal(error: unknown): void {
  if (!hasReason(error, 'NotFound', 'AlreadyExists', 'Forbidden')) throw error;
}
