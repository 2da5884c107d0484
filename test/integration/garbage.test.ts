// Garbage collection against a model: random owners, random deletions of every propagation, with
// the controllers restarted in between. What is left is what the model says, and nothing else.

import { expect, test } from 'vitest';
import { isDeleting } from '../../machinery/object.ts';
import type { ConfigMap } from '../../proto/generated/core.v1.ts';
import { CONFIG_MAPS } from '../../proto/generated/resources.ts';
import { SeededRandom } from '../sim/seeded-random.ts';
import {
  type ControllerCluster,
  eventually,
  startControllerCluster,
} from './controller-cluster.ts';

const OBJECTS = 40;
const DELETIONS = 8;
const OWNERS_MAX = 3;
const POLICIES = ['Background', 'Foreground', 'Orphan'] as const;

/** Name → names of its owners. */
type Model = Map<string, Set<string>>;

/** An object goes with its last owner; one that is orphaned has one owner less, and stays. */
function deleteFrom(model: Model, name: string, policy: (typeof POLICIES)[number]): void {
  model.delete(name);
  for (const [dependent, owners] of [...model]) {
    if (!owners.delete(name) || policy === 'Orphan') continue;
    if (owners.size === 0) deleteFrom(model, dependent, policy);
  }
}

const textOf = (entries: Iterable<readonly [string, Iterable<string>]>): string =>
  [...entries]
    .map(([name, owners]) => `${name}<-${[...owners].sort().join('+')}`)
    .sort()
    .join('\n');

/** Owners come before what they own, so there are no circles. */
async function plant(cluster: ControllerCluster, random: SeededRandom): Promise<Model> {
  const model: Model = new Map();
  const made: ConfigMap[] = [];
  for (let i = 0; i < OBJECTS; i++) {
    const count = made.length === 0 ? 0 : random.below(OWNERS_MAX + 1);
    const owners = new Set(Array.from({ length: count }, () => random.pick(made)));
    const name = `o${i}`;
    const ownerReferences = [...owners].map(({ metadata }) => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      name: metadata.name,
      uid: metadata.uid ?? '',
      blockOwnerDeletion: random.below(2) === 0,
    }));
    const metadata = { name, namespace: 'default', labels: { garbage: 'yes' }, ownerReferences };
    made.push(await cluster.transport.create(CONFIG_MAPS, { metadata } as ConfigMap));
    model.set(name, new Set(ownerReferences.map((owner) => owner.name)));
  }
  return model;
}

test.each([1, 2, 3])('seed %i', async (seed) => {
  const random = new SeededRandom(seed);
  const cluster = await startControllerCluster();
  try {
    const model = await plant(cluster, random);
    for (let i = 0; i < DELETIONS && model.size > 0; i++) {
      const name = random.pick([...model.keys()]);
      const propagationPolicy = random.pick(POLICIES);
      // Alive before: deleted by us only if the model says so.
      deleteFrom(model, name, propagationPolicy);
      await cluster.transport.delete(
        CONFIG_MAPS,
        { namespace: 'default', name },
        { propagationPolicy },
      );
      if (random.below(3) === 0) await cluster.restartManager();
      let left = '';
      await eventually('only what the model has is left', async () => {
        const selection = { namespace: 'default', labelSelector: 'garbage=yes' };
        const { items } = await cluster.transport.list(CONFIG_MAPS, selection);
        left = textOf(
          items.map(({ metadata: { name: own, ownerReferences = [] } }) => [
            own,
            ownerReferences.map((owner) => owner.name),
          ]),
        );
        return items.every((item) => !isDeleting(item)) && left === textOf(model);
      }).catch(() => {});
      expect(left, `after ${propagationPolicy} of ${name}`).toBe(textOf(model));
    }
  } finally {
    await cluster.close();
  }
});
