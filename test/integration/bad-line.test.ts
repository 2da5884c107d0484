// Controllers whose every write may fail, or succeed without an answer, still get there, and leave
// nothing behind that nobody asked for.

import { expect, test } from 'vitest';
import { isDeleting } from '../../machinery/object.ts';
import {
  DEPLOYMENTS,
  ENDPOINT_SLICES,
  PODS,
  REPLICA_SETS,
  SERVICES,
} from '../../proto/generated/resources.ts';
import { SeededRandom } from '../sim/seeded-random.ts';
import { deploymentOf, eventually, flaky, startControllerCluster } from './controller-cluster.ts';

const REPLICAS = 8;
const ROLLOUTS = 4;
const AT = { namespace: 'default', name: 'shaky' };

test.each([1, 2])('seed %i', async (seed) => {
  const random = new SeededRandom(seed);
  const cluster = await startControllerCluster();
  const { transport } = cluster;
  try {
    await cluster.restartManager(flaky(transport, () => random.below(8) === 0));
    await transport.create(SERVICES, {
      metadata: AT,
      spec: { selector: { app: 'shaky' }, ports: [{ port: 80, targetPort: 'http' }] },
    });
    const deployment = deploymentOf('shaky', 'a:0', {
      replicas: REPLICAS,
      revisionHistoryLimit: 1,
    });
    await transport.create(DEPLOYMENTS, deployment);
    for (let rollout = 0; rollout < ROLLOUTS; rollout++) {
      const image = `a:${rollout}`;
      await transport.patch(DEPLOYMENTS, AT, {
        type: 'strategic',
        body: { spec: { template: { spec: { containers: [{ name: 'main', image }] } } } },
      });
      await eventually(`${image} runs everywhere, and nothing else`, async () => {
        const pods = await cluster.list(PODS, 'default');
        const sets = await cluster.list(REPLICA_SETS, 'default');
        const status = (await cluster.find(DEPLOYMENTS, AT))?.status;
        return (
          pods.length === REPLICAS &&
          pods.every((pod) => pod.spec.containers[0]?.image === image && !isDeleting(pod)) &&
          sets.length === Math.min(2, rollout + 1) &&
          status?.updatedReplicas === REPLICAS &&
          status.availableReplicas === REPLICAS
        );
      });
    }
    const addresses = await eventually('one endpoint for each pod', async () => {
      const pods = await cluster.list(PODS, 'default');
      const ips = pods.map(({ status }) => status?.podIP).sort();
      const slices = await cluster.list(ENDPOINT_SLICES, 'default');
      const ours = slices.filter(({ metadata }) => metadata.name.startsWith('shaky-'));
      const listed = ours.flatMap(({ endpoints = [] }) =>
        endpoints.flatMap((one) => one.addresses),
      );
      return listed.sort().join() === ips.join() && listed;
    });
    expect(addresses).toHaveLength(REPLICAS);
  } finally {
    await cluster.close();
  }
});
