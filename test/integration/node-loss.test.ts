// What happens to a node that falls silent, to its pods, and when it comes back or is removed.

import { afterEach, expect, test } from 'vitest';
import { microTimestampOf, systemClock, timestampOf } from '../../machinery/clock.ts';
import type { Node } from '../../proto/generated/core.v1.ts';
import { DEPLOYMENTS, LEASES, NODES, PODS } from '../../proto/generated/resources.ts';
import {
  type ControllerCluster,
  deploymentOf,
  eventually,
  NODE,
  readyNode,
  startControllerCluster,
} from './controller-cluster.ts';

const GRACE_MS = 600;
const BEAT_MS = 100;
const OTHER = 'n2';

let cluster: ControllerCluster;
let beating: { stop(): void };
afterEach(async () => {
  beating.stop();
  await cluster.close();
});

const toleration = {
  key: 'node.kubernetes.io/unreachable',
  operator: 'Exists',
  effect: 'NoExecute',
  tolerationSeconds: 1,
} as const;

/** Leases of both nodes, renewed for those that live; a second node keeps the cluster alive. */
async function start(): Promise<void> {
  cluster = await startControllerCluster({ nodeGraceMs: GRACE_MS });
  const { transport, dead } = cluster;
  await transport.create(NODES, readyNode(OTHER));
  const stop = new AbortController();
  const at = (name: string) => ({ namespace: 'kube-node-lease', name });
  for (const name of [NODE, OTHER])
    await transport.create(LEASES, { metadata: at(name), spec: {} });
  const beat = async () => {
    while (!stop.signal.aborted) {
      for (const name of [NODE, OTHER].filter((one) => !dead.has(one))) {
        const body = { spec: { renewTime: microTimestampOf(systemClock.now()) } };
        await transport.patch(LEASES, at(name), { type: 'merge', body });
      }
      await systemClock.sleep(BEAT_MS, stop.signal);
    }
  };
  beat().catch(() => {});
  beating = { stop: () => stop.abort() };
}

const nodeIs = (what: string, isSo: (node: Node) => boolean) =>
  eventually(what, async () => {
    const node = await cluster.find(NODES, { name: NODE });
    return node !== undefined && isSo(node) && node;
  });

const readiness = ({ status }: Node) =>
  status?.conditions?.find(({ type }) => type === 'Ready')?.status;

const podsOf = async (app: string) =>
  (await cluster.list(PODS, 'default')).filter(({ metadata }) => metadata.labels?.app === app);

async function runTwoPods(tolerations: (typeof toleration)[]): Promise<void> {
  const { spec, ...rest } = deploymentOf('web', 'a:1', { replicas: 2 });
  const template = { ...spec.template, spec: { ...spec.template.spec, tolerations } };
  await cluster.transport.create(DEPLOYMENTS, { ...rest, spec: { ...spec, template } });
  await eventually('two pods are ready', async () => {
    const deployment = await cluster.find(DEPLOYMENTS, { namespace: 'default', name: 'web' });
    return deployment?.status?.availableReplicas === 2;
  });
}

test('a lost node is Unknown and tainted, its pods are not ready, and go when patience ends', async () => {
  await start();
  await runTwoPods([toleration]);
  cluster.dead.add(NODE);
  const lost = await nodeIs('the node is lost', (node) => readiness(node) === 'Unknown');
  expect(lost.status?.conditions?.find(({ type }) => type === 'Ready')?.reason).toBe(
    'NodeStatusUnknown',
  );
  await nodeIs('both taints', ({ spec }) => {
    const effects = (spec.taints ?? []).map(({ effect }) => effect).sort();
    return effects.join() === 'NoExecute,NoSchedule';
  });
  await eventually('no pod of it is ready', async () => {
    const conditions = (await podsOf('web')).flatMap(({ status }) => status?.conditions ?? []);
    return conditions
      .filter(({ type }) => type === 'Ready')
      .every(({ status }) => status === 'False');
  });
  await eventually('they are told to go, and others are made', async () => {
    const pods = await podsOf('web');
    const leaving = pods.filter(({ metadata }) => metadata.deletionTimestamp !== undefined);
    return leaving.length === 2 && pods.length === 4;
  });
  expect(readiness((await cluster.find(NODES, { name: OTHER }))!)).toBe('True');

  await cluster.transport.delete(NODES, { name: NODE });
  await eventually('pods of a node that is gone are gone', async () => {
    const pods = await podsOf('web');
    return pods.every(({ spec }) => spec.nodeName !== NODE);
  });
});

test('a node that comes back in time loses its taints and keeps its pods', async () => {
  await start();
  await runTwoPods([]);
  const before = (await podsOf('web')).map(({ metadata }) => metadata.uid).sort();
  cluster.dead.add(NODE);
  await nodeIs('the node is tainted', ({ spec }) => spec.taints?.length === 2);
  cluster.dead.delete(NODE);
  const now = timestampOf(systemClock.now());
  const ready = { type: 'Ready', status: 'True', lastHeartbeatTime: now, reason: 'KubeletReady' };
  await cluster.transport.patch(
    NODES,
    { name: NODE },
    { type: 'strategic', body: { status: { conditions: [ready] } } },
    { subresource: 'status' },
  );
  await nodeIs('no taint is left', ({ spec }) => (spec.taints ?? []).length === 0);
  expect((await podsOf('web')).map(({ metadata }) => metadata.uid).sort()).toEqual(before);
});

test('a cordoned node is tainted against scheduling only', async () => {
  await start();
  const cordon = (unschedulable: boolean | null) =>
    cluster.transport.patch(
      NODES,
      { name: NODE },
      { type: 'merge', body: { spec: { unschedulable } } },
    );
  await cordon(true);
  const node = await nodeIs('tainted', ({ spec }) => spec.taints?.length === 1);
  expect(node.spec.taints).toMatchObject([
    { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' },
  ]);
  await cordon(null);
  await nodeIs('untainted', ({ spec }) => (spec.taints ?? []).length === 0);
});
