// The controllers against the real API: what a user of Deployments, Services, owners, namespaces
// and nodes sees happen.

import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Deployment } from '../../proto/generated/apps.v1.ts';
import {
  CONFIG_MAPS,
  DEPLOYMENTS,
  ENDPOINT_SLICES,
  ENDPOINTS,
  NAMESPACES,
  PODS,
  REPLICA_SETS,
  SERVICE_ACCOUNTS,
  SERVICES,
} from '../../proto/generated/resources.ts';
import {
  type ControllerCluster,
  deploymentOf,
  eventually,
  NODE,
  startControllerCluster,
  watched,
} from './controller-cluster.ts';

let cluster: ControllerCluster;

beforeAll(async () => {
  cluster = await startControllerCluster();
});
afterAll(() => cluster.close());

const at = (name: string, namespace = 'default') => ({ namespace, name });

const podsOf = async (app: string) =>
  (await cluster.list(PODS, 'default')).filter(({ metadata }) => metadata.labels?.app === app);

const setsOf = async (app: string) =>
  (await cluster.list(REPLICA_SETS, 'default')).filter(({ metadata }) =>
    metadata.name.startsWith(`${app}-`),
  );

const rolledOut = (name: string, replicas = 3): Promise<Deployment> =>
  eventually(`${name} is rolled out`, async () => {
    const deployment = await cluster.find(DEPLOYMENTS, at(name));
    const { status, metadata } = deployment ?? {};
    const isDone =
      (status?.observedGeneration ?? 0) >= (metadata?.generation ?? 0) &&
      status?.updatedReplicas === replicas &&
      status.replicas === replicas &&
      status.availableReplicas === replicas;
    return isDone && deployment;
  });

const setImage = (name: string, image: string) =>
  cluster.transport.patch(DEPLOYMENTS, at(name), {
    type: 'strategic',
    body: { spec: { template: { spec: { containers: [{ name: 'main', image }] } } } },
  });

const reasonOf = (deployment: Deployment | undefined, wanted: string) =>
  deployment?.status?.conditions?.find(({ type }) => type === wanted)?.reason;

test('a deployment becomes pods, a new image replaces them, and the history leads back', async () => {
  const { transport } = cluster;
  await transport.create(DEPLOYMENTS, deploymentOf('web', 'a:1'));
  const first = await rolledOut('web');
  expect(first.metadata.annotations?.['deployment.kubernetes.io/revision']).toBe('1');
  expect(await podsOf('web')).toHaveLength(3);

  await setImage('web', 'a:2');
  const second = await eventually('revision 2', async () => {
    const deployment = await rolledOut('web');
    return (
      deployment.metadata.annotations?.['deployment.kubernetes.io/revision'] === '2' && deployment
    );
  });
  await eventually('the last condition', async () => {
    const deployment = await cluster.find(DEPLOYMENTS, at('web'));
    return reasonOf(deployment, 'Progressing') === 'NewReplicaSetAvailable';
  });
  expect(reasonOf(second, 'Available')).toBe('MinimumReplicasAvailable');
  const images = (await podsOf('web')).map(({ spec }) => spec.containers[0]?.image);
  expect(images).toEqual(['a:2', 'a:2', 'a:2']);
  const sizes = (await setsOf('web')).map(({ spec }) => spec.replicas).sort();
  expect(sizes).toEqual([0, 3]);

  await setImage('web', 'a:1');
  await eventually('revision 3, by the first set', async () => {
    const sets = await setsOf('web');
    const current = sets.find(({ spec }) => spec.replicas === 3);
    return (
      sets.length === 2 &&
      current?.metadata.annotations?.['deployment.kubernetes.io/revision'] === '3' &&
      current.metadata.annotations['deployment.kubernetes.io/revision-history'] === '1'
    );
  });
  await rolledOut('web');
});

test('scaling, pausing and going on do what they say', async () => {
  const { transport } = cluster;
  await transport.create(DEPLOYMENTS, deploymentOf('pausing', 'a:1'));
  await rolledOut('pausing');
  const patch = (spec: object) =>
    transport.patch(DEPLOYMENTS, at('pausing'), { type: 'merge', body: { spec } });
  await patch({ paused: true });
  await setImage('pausing', 'a:2');
  await patch({ replicas: 5 });
  await eventually('five old pods', async () => {
    const pods = await podsOf('pausing');
    const images = new Set(pods.map(({ spec }) => spec.containers[0]?.image));
    return pods.length === 5 && images.size === 1 && images.has('a:1');
  });
  expect(await setsOf('pausing')).toHaveLength(1);
  await patch({ paused: false });
  await rolledOut('pausing', 5);
  expect(await setsOf('pausing')).toHaveLength(2);
  await patch({ replicas: 0 });
  await eventually('no pods', async () => (await podsOf('pausing')).length === 0);
});

test('recreate never runs old and new pods together', async () => {
  const { transport } = cluster;
  const recreate = deploymentOf('serial', 'a:1', { strategy: { type: 'Recreate' }, replicas: 2 });
  await transport.create(DEPLOYMENTS, recreate);
  await rolledOut('serial', 2);
  const mixed: number[] = [];
  const watch = new AbortController();
  const watching = (async () => {
    for await (const event of transport.watch(PODS, {}, watch.signal)) {
      if (event.type === 'BOOKMARK') continue;
      const images = new Set((await podsOf('serial')).map(({ spec }) => spec.containers[0]?.image));
      mixed.push(images.size);
    }
  })().catch(() => {});
  await setImage('serial', 'a:2');
  await rolledOut('serial', 2);
  watch.abort();
  await watching;
  expect(Math.max(0, ...mixed)).toBeLessThanOrEqual(1);
});

test('a rollout that cannot proceed says so, and keeps what serves', async () => {
  cluster.broken.add('broken:1');
  const spec = { progressDeadlineSeconds: 2 };
  await cluster.transport.create(DEPLOYMENTS, deploymentOf('stuck', 'a:1', spec));
  await rolledOut('stuck');
  await setImage('stuck', 'broken:1');
  const stuck = await eventually('the deadline passes', async () => {
    const deployment = await cluster.find(DEPLOYMENTS, at('stuck'));
    return reasonOf(deployment, 'Progressing') === 'ProgressDeadlineExceeded' && deployment;
  });
  expect(stuck.status?.availableReplicas).toBe(3);
  await setImage('stuck', 'a:1');
  await rolledOut('stuck');
});

test('a pod that loses its label is released and replaced; an orphan that matches is adopted', async () => {
  const { transport } = cluster;
  await transport.create(DEPLOYMENTS, deploymentOf('keeper', 'a:1', { replicas: 1 }));
  await rolledOut('keeper', 1);
  const [pod] = await podsOf('keeper');
  const labels = pod?.metadata.labels ?? {};
  const relabel = (app: string) =>
    transport.patch(PODS, at(pod?.metadata.name ?? ''), {
      type: 'merge',
      body: { metadata: { labels: { app } } },
    });
  await relabel('debugged');
  await eventually('released and replaced', async () => {
    const released = await cluster.find(PODS, at(pod?.metadata.name ?? ''));
    const owners = released?.metadata.ownerReferences ?? [];
    return owners.length === 0 && (await podsOf('keeper')).length === 1;
  });
  await relabel(labels.app ?? '');
  await eventually('adopted, and one of two given up', async () => {
    const pods = await podsOf('keeper');
    return (
      pods.length === 1 && pods.every(({ metadata }) => metadata.ownerReferences?.length === 1)
    );
  });
});

test('a service has the addresses of its ready pods, in slices and in endpoints', async () => {
  const { transport } = cluster;
  await transport.create(SERVICES, {
    metadata: { name: 'front', namespace: 'default' },
    spec: { selector: { app: 'front' }, ports: [{ port: 80, targetPort: 'http' }] },
  });
  await transport.create(DEPLOYMENTS, deploymentOf('front', 'a:1'));
  const slice = await eventually('three endpoints', async () => {
    const slices = await cluster.list(ENDPOINT_SLICES, 'default');
    const ours = slices.filter(
      ({ metadata }) => metadata.labels?.['kubernetes.io/service-name'] === 'front',
    );
    const ready = ours[0]?.endpoints?.filter(({ conditions }) => conditions?.ready);
    return ours.length === 1 && ready?.length === 3 && ours[0];
  });
  expect(slice.ports).toMatchObject([{ port: 8080, protocol: 'TCP' }]);
  expect(slice.endpoints?.[0]).toMatchObject({ nodeName: NODE, zone: 'z1' });
  await eventually('endpoints', async () => {
    const endpoints = await cluster.find(ENDPOINTS, at('front'));
    return endpoints?.subsets?.[0]?.addresses?.length === 3;
  });
  await transport.delete(SERVICES, at('front'));
  await eventually('slices and endpoints go with the service', async () => {
    const slices = await cluster.list(ENDPOINT_SLICES, 'default');
    const left = slices.filter(({ metadata }) => metadata.name.startsWith('front-'));
    return left.length === 0 && !(await cluster.find(ENDPOINTS, at('front')));
  });
});

test('endpoints written by hand are mirrored, and follow', async () => {
  const { transport } = cluster;
  await transport.create(SERVICES, {
    metadata: { name: 'outside', namespace: 'default' },
    spec: { ports: [{ port: 5432 }] },
  });
  const addresses = (...ips: string[]) => ips.map((ip) => ({ ip }));
  await transport.create(ENDPOINTS, {
    metadata: { name: 'outside', namespace: 'default' },
    subsets: [{ addresses: addresses('192.0.2.1'), ports: [{ port: 5432 }] }],
  });
  const ipsAre = (wanted: string) =>
    eventually(`addresses ${wanted}`, async () => {
      const slices = await cluster.list(ENDPOINT_SLICES, 'default');
      const ours = slices.filter(({ metadata }) => metadata.name.startsWith('outside-'));
      const ips = ours.flatMap(({ endpoints = [] }) => endpoints.flatMap((one) => one.addresses));
      return ips.join() === wanted;
    });
  await ipsAre('192.0.2.1');
  await transport.patch(ENDPOINTS, at('outside'), {
    type: 'merge',
    body: {
      subsets: [{ addresses: addresses('192.0.2.2', '192.0.2.3'), ports: [{ port: 5432 }] }],
    },
  });
  await ipsAre('192.0.2.2,192.0.2.3');
  await transport.delete(ENDPOINTS, at('outside'));
  await ipsAre('');
});

test.each(['Background', 'Foreground'] as const)(
  'what a deployment owns goes with it: %s',
  async (propagationPolicy) => {
    const name = `gone-${propagationPolicy.toLowerCase()}`;
    await cluster.transport.create(DEPLOYMENTS, deploymentOf(name, 'a:1'));
    await rolledOut(name);
    await cluster.transport.delete(DEPLOYMENTS, at(name), { propagationPolicy });
    await eventually('nothing is left', async () => {
      const left = [...(await podsOf(name)), ...(await setsOf(name))];
      return left.length === 0 && !(await cluster.find(DEPLOYMENTS, at(name)));
    });
  },
);

test('an orphaning delete leaves the sets and their pods', async () => {
  await cluster.transport.create(DEPLOYMENTS, deploymentOf('left', 'a:1'));
  await rolledOut('left');
  const before = (await podsOf('left')).map(({ metadata }) => metadata.uid).sort();
  await cluster.transport.delete(DEPLOYMENTS, at('left'), { propagationPolicy: 'Orphan' });
  await eventually('the deployment is gone, its set is nobody’s', async () => {
    const [set] = await setsOf('left');
    const isGone = !(await cluster.find(DEPLOYMENTS, at('left')));
    return isGone && set !== undefined && (set.metadata.ownerReferences ?? []).length === 0;
  });
  expect((await podsOf('left')).map(({ metadata }) => metadata.uid).sort()).toEqual(before);
  await cluster.transport.create(DEPLOYMENTS, deploymentOf('left', 'a:1'));
  await rolledOut('left');
  expect((await podsOf('left')).map(({ metadata }) => metadata.uid).sort()).toEqual(before);
});

test('an object whose owner never existed is collected', async () => {
  const owner = { apiVersion: 'v1', kind: 'ConfigMap', name: 'nobody', uid: 'no-such-uid' };
  await cluster.transport.create(CONFIG_MAPS, {
    metadata: { name: 'foundling', namespace: 'default', ownerReferences: [owner] },
  });
  await eventually('it goes', async () => !(await cluster.find(CONFIG_MAPS, at('foundling'))));
});

test('a namespace comes with an account and the certificate, and takes everything with it', async () => {
  const { transport } = cluster;
  await transport.create(NAMESPACES, { metadata: { name: 'team' }, spec: {} });
  await eventually('the account', () => cluster.find(SERVICE_ACCOUNTS, at('default', 'team')));
  const ca = await eventually('the certificate', () =>
    cluster.find(CONFIG_MAPS, at('kube-root-ca.crt', 'team')),
  );
  expect(ca.data).toEqual({ 'ca.crt': 'PEM' });
  await transport.delete(SERVICE_ACCOUNTS, at('default', 'team'));
  await eventually('it comes back', () => cluster.find(SERVICE_ACCOUNTS, at('default', 'team')));
  const deployment = deploymentOf('web', 'a:1');
  await transport.create(DEPLOYMENTS, { ...deployment, metadata: at('web', 'team') });
  await eventually('pods', async () => (await cluster.list(PODS, 'team')).length === 3);
  await transport.delete(NAMESPACES, { name: 'team' });
  await eventually('the namespace is gone', async () => {
    return !(await cluster.find(NAMESPACES, { name: 'team' }));
  });
  expect(await cluster.list(PODS, 'team')).toEqual([]);
  expect(await cluster.list(DEPLOYMENTS, 'team')).toEqual([]);
});

test('a manager that starts over a settled cluster writes nothing', async () => {
  const { transport } = cluster;
  await transport.create(SERVICES, {
    metadata: { name: 'empty', namespace: 'default' },
    spec: { selector: { app: 'nobody' }, ports: [{ port: 80 }] },
  });
  await eventually('its empty slice', async () => {
    const slices = await cluster.list(ENDPOINT_SLICES, 'default');
    return slices.some(({ metadata }) => metadata.name.startsWith('empty-'));
  });
  await rolledOut('web');
  const writes: string[] = [];
  await cluster.restartManager(watched(transport, (write) => writes.push(write)));
  await transport.create(NAMESPACES, { metadata: { name: 'late' }, spec: {} });
  await eventually('the new manager is at work', () =>
    cluster.find(CONFIG_MAPS, at('kube-root-ca.crt', 'late')),
  );
  await eventually('and has seen the account', () =>
    cluster.find(SERVICE_ACCOUNTS, at('default', 'late')),
  );
  expect(writes.filter((write) => !write.endsWith(' late'))).toEqual([]);
});
