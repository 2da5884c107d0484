// A failure is worth its seed only if the seed repeats it.

import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { DEPLOYMENTS, SERVICES } from '../../proto/generated/resources.ts';
import { Chaos } from './chaos.ts';
import { SimCluster } from './cluster.ts';
import { app, front, scale } from './objects.ts';
import { converges } from './scenario.ts';

test('the same seed gives the same history, down to the last byte', async () => {
  const [once, again, other] = [await play(1), await play(1), await play(2)];
  expect(again).toEqual(once);
  expect(other.digest).not.toBe(once.digest);
  expect(once.faults).toBeGreaterThan(5);
});

async function play(seed: number) {
  const cluster = new SimCluster({ seed });
  cluster.isBindingExact = false;
  const chaos = new Chaos(cluster);
  await cluster.act((api) => api.create(DEPLOYMENTS, app('web', { replicas: 3 })));
  await cluster.act((api) => api.create(SERVICES, front('web')));
  chaos.begin();
  for (const replicas of [8, 2, 5]) {
    await cluster.act(scale('web', replicas));
    await cluster.run(8_000);
  }
  chaos.settle();
  await converges(cluster);
  const hash = createHash('sha256');
  for (const { key, revision, object } of cluster.history.versions) {
    hash.update(`${key}@${revision}${JSON.stringify(object)}`);
  }
  const { log, clock } = cluster;
  return { digest: hash.digest('hex'), story: log.tail, ms: clock.now(), faults: chaos.count };
}
