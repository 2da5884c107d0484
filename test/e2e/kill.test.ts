// kill -9 of any one process, at any moment, then its restart: no acknowledged write is lost, no
// healthy container is restarted, and the cluster converges. Once with each store.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Cluster, eventually, must, startCluster } from './cluster.ts';

const MANIFEST = `
apiVersion: apps/v1
kind: Deployment
metadata: { name: steady }
spec:
  replicas: 4
  selector: { matchLabels: { app: steady } }
  template:
    metadata: { labels: { app: steady } }
    spec:
      terminationGracePeriodSeconds: 1
      containers: [{ name: main, image: 'wherry-shop/web:1', command: [sleep, '100000'] }]
`;

const COMPONENTS = [
  'apiserver',
  'scheduler',
  'controller-manager',
  'proxy',
  'kubelet-NAME-node-1',
  'kubelet-NAME-node-2',
];

describe.each([
  { store: 'embedded', extra: [] },
  { store: 'etcd', extra: ['etcd'] },
])('with the $store store', ({ store, extra }) => {
  const name = `kill-${store}`;
  let cluster: Cluster;

  beforeAll(async () => {
    await must('sh', ['examples/shop/images/build.sh'], { timeoutMs: 240_000 });
    cluster = await startCluster(name, ['--store', store]);
    await cluster.kubectlWith({ input: MANIFEST }, 'apply', '-f', '-');
    await cluster.kubectl('rollout', 'status', 'deployment/steady', '--timeout=60s');
  });

  afterAll(async () => {
    await cluster?.down();
  });

  /** Container ids and start times of the steady pods: any restart changes them. */
  const containers = async () => {
    const path =
      '{range .items[*]}{.status.containerStatuses[0].containerID} {.status.containerStatuses[0].restartCount} {.status.containerStatuses[0].state.running.startedAt}{"\\n"}{end}';
    const text = await cluster.kubectl('get', 'pods', '-l', 'app=steady', '-o', `jsonpath=${path}`);
    return text.trim().split('\n').sort();
  };

  test.each([...COMPONENTS, ...extra])('kill -9 of %s', async (pattern) => {
    const component = pattern.replace('NAME', name);
    const before = await containers();
    expect(before).toHaveLength(4);

    // Writes go on while it happens; what kubectl was told is there must be there afterwards.
    const acknowledged: string[] = [];
    let isOver = false;
    const writer = (async () => {
      for (let i = 0; !isOver; i++) {
        const one = `w-${component}-${i}`;
        const { code } = await cluster.tryKubectl(
          {},
          'create',
          'configmap',
          one,
          '--from-literal=a=b',
        );
        if (code === 0) acknowledged.push(one);
      }
    })();
    await eventually(
      'a few writes',
      async () => acknowledged.length,
      (count) => count >= 2,
    );
    process.kill(cluster.pidOf(component), 'SIGKILL');
    await cluster.wherry('up');
    const reached = acknowledged.length;
    await eventually(
      'writes again',
      async () => acknowledged.length,
      (count) => count >= reached + 2,
    );
    isOver = true;
    await writer;

    const stored = await cluster.kubectl('get', 'configmaps', '-o', 'name');
    expect(acknowledged.filter((one) => !stored.includes(`configmap/${one}\n`))).toEqual([]);
    expect(await containers()).toEqual(before);

    // It converges: a change made now is carried out by everybody.
    await cluster.kubectl('scale', 'deployment/steady', '--replicas=5');
    await cluster.kubectl('rollout', 'status', 'deployment/steady', '--timeout=60s');
    await cluster.kubectl('scale', 'deployment/steady', '--replicas=4');
    await eventually(
      'back to four, all of them ready',
      async () => (await containers()).length,
      (count) => count === 4,
    );
    expect(await cluster.wherry('status')).toMatch(/Ready/);
  });
});
