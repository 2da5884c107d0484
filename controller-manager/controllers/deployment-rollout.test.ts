// The promises of a rolling update, held in a small simulated world: sets follow their size late,
// pods become ready late, and the Deployment sees only statuses that may be old.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Deployment, ReplicaSet } from '../../proto/generated/apps.v1.ts';
import { resized } from './deployment-revisions.ts';
import { limitsOf, planRollout, type Revisions, replicasOf } from './deployment-rollout.ts';

const STEPS_MAX = 20_000;

const deployment = (spec: Partial<Deployment['spec']> = {}): Deployment => ({
  metadata: { name: 'web', namespace: 'default', uid: 'uid-web', generation: 1 },
  spec: { replicas: 10, selector: {}, template: { spec: { containers: [] } }, ...spec },
});

const rolling = (replicas: number, maxSurge: number | string, maxUnavailable: number | string) =>
  deployment({
    replicas,
    strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge, maxUnavailable } },
  });

const setOf = (name: string, replicas: number, available = replicas): ReplicaSet => ({
  metadata: { name, namespace: 'default', uid: name, creationTimestamp: name },
  spec: { replicas, selector: {} },
  status: { replicas, availableReplicas: available },
});

const sizes = (subject: Deployment, revisions: Revisions, hasOldPods = false) =>
  Object.fromEntries(
    planRollout(subject, revisions, hasOldPods).scales.map(({ set, replicas }) => [
      set.metadata.name,
      replicas,
    ]),
  );

test('percentages round up for the surge and down for what may be missing', () => {
  const limits = limitsOf(rolling(10, '25%', '25%'));
  expect(limits).toEqual({ replicas: 10, maxSurge: 3, maxUnavailable: 2 });
});

test('when both round to nothing one pod may be missing, or nothing could move', () => {
  expect(limitsOf(rolling(3, 0, '10%'))).toMatchObject({ maxSurge: 0, maxUnavailable: 1 });
});

test('a first rollout creates the set at full size', () => {
  const plan = planRollout(rolling(3, 1, 0), { current: undefined, old: [] }, false);
  expect(plan).toEqual({ create: 3, scales: [] });
});

test('a new template starts with the surge, and the old set gives what may be missing', () => {
  const revisions = { current: undefined, old: [setOf('a', 10)] };
  const plan = planRollout(rolling(10, 3, 2), revisions, false);
  expect(plan.create).toBe(3);
  expect(plan.scales.map(({ replicas }) => replicas)).toEqual([8]);
});

test('old pods that are not available go first, even where none may be missing', () => {
  const revisions = { current: setOf('b', 1), old: [setOf('a', 10, 7)] };
  expect(sizes(rolling(10, 1, 0), revisions)).toEqual({ a: 9 });
});

test('recreate empties the old sets, waits for their pods, and only then creates', () => {
  const recreate = deployment({ replicas: 2, strategy: { type: 'Recreate' } });
  expect(sizes(recreate, { current: undefined, old: [setOf('a', 2)] })).toEqual({ a: 0 });
  const dry = { current: undefined, old: [setOf('a', 0)] };
  expect(planRollout(recreate, dry, true)).toEqual({ scales: [] });
  expect(planRollout(recreate, dry, false)).toEqual({ create: 2, scales: [] });
});

test('a paused deployment creates nothing but still scales', () => {
  const paused = deployment({ replicas: 5, paused: true });
  const plan = planRollout(paused, { current: undefined, old: [setOf('a', 3)] }, false);
  expect(plan.create).toBeUndefined();
  expect(plan.scales.map(({ replicas }) => replicas)).toEqual([5]);
});

test('scaling in the middle of a rollout keeps the mix of versions', () => {
  const before = rolling(10, 3, 2);
  const current = resized(before, setOf('b', 5, 0), 5);
  const old = [resized(before, setOf('a', 8), 8)];
  expect(sizes(rolling(20, 3, 2), { current, old })).toEqual({ a: 14, b: 9 });
  expect(sizes(rolling(5, 3, 2), { current, old })).toEqual({ a: 5, b: 3 });
});

interface World {
  readonly sets: Map<string, { size: number; pods: { isReady: boolean }[]; seen: ReplicaSet }>;
}

/** One old set at full strength, and perhaps a half-finished rollout before it. */
function worldOf(replicas: number, between: number): World {
  const sets: World['sets'] = new Map();
  const add = (name: string, size: number, isReady: boolean) =>
    sets.set(name, {
      size,
      pods: Array.from({ length: size }, () => ({ isReady })),
      seen: setOf(name, size, isReady ? size : 0),
    });
  add('a', replicas, true);
  if (between > 0) add('b', between, false);
  return { sets };
}

const podsOf = ({ sets }: World) => [...sets.values()].flatMap(({ pods }) => pods);
const readyOf = (world: World) => podsOf(world).filter(({ isReady }) => isReady).length;

/** A ReplicaSet's own work: unready pods go first. */
function follow({ size, pods }: { size: number; pods: { isReady: boolean }[] }): void {
  pods.sort((x, y) => Number(y.isReady) - Number(x.isReady));
  pods.length = Math.min(pods.length, size);
  while (pods.length < size) pods.push({ isReady: false });
}

function rollOutStep(world: World, subject: Deployment): boolean {
  const seen = [...world.sets.entries()].map(([name, set]): ReplicaSet => {
    return {
      ...set.seen,
      metadata: setOf(name, 0).metadata,
      spec: { ...set.seen.spec, replicas: set.size },
    };
  });
  const current = seen.find(({ metadata }) => metadata.name === 'z');
  const old = seen.filter((set) => set !== current);
  const plan = planRollout(subject, { current, old }, false);
  if (plan.create !== undefined) {
    world.sets.set('z', { size: plan.create, pods: [], seen: setOf('z', plan.create, 0) });
  }
  for (const { set, replicas } of plan.scales) world.sets.get(set.metadata.name)!.size = replicas;
  return old.every((set) => replicasOf(set) === 0) && current !== undefined;
}

test('a rolling update never breaks its limits, and always ends', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 30 }),
      fc.oneof(fc.integer({ min: 0, max: 8 }), fc.constantFrom('0%', '10%', '25%', '100%')),
      fc.oneof(fc.integer({ min: 0, max: 8 }), fc.constantFrom('0%', '10%', '25%', '100%')),
      fc.infiniteStream(fc.integer({ min: 0, max: 999 })),
      (replicas, surge, unavailable, dice) => {
        const subject = rolling(replicas, surge, unavailable);
        const limits = limitsOf(subject);
        const roll = () => dice.next().value as number;
        const world = worldOf(replicas, roll() % (limits.maxSurge + 1));
        for (let step = 0, isDone = false; !isDone; step++) {
          expect(step, 'it ends').toBeLessThan(STEPS_MAX);
          const sets = [...world.sets.values()];
          const set = sets[roll() % sets.length]!;
          const event = roll() % 4;
          if (event === 0) isDone = rollOutStep(world, subject) && readyOf(world) >= replicas;
          if (event === 1) follow(set);
          if (event === 2) for (const pod of set.pods) pod.isReady ||= roll() % 2 === 0;
          if (event === 3) set.seen = seenNow(set);
          expect(podsOf(world).length).toBeLessThanOrEqual(replicas + limits.maxSurge);
          expect(readyOf(world)).toBeGreaterThanOrEqual(replicas - limits.maxUnavailable);
        }
      },
    ),
    { numRuns: 150 },
  );
});

function seenNow({ size, pods }: { size: number; pods: readonly { isReady: boolean }[] }) {
  const availableReplicas = pods.filter(({ isReady }) => isReady).length;
  return { ...setOf('', size), status: { replicas: pods.length, availableReplicas } };
}
