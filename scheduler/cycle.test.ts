// The fast decision against a slow, obvious one, on random clusters.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Node, Pod, Taint } from '../proto/generated/core.v1.ts';
import { node, pod } from '../test/scheduling-builders.ts';
import { FakeClock } from '../test/sim/fake-clock.ts';
import { SeededRandom } from '../test/sim/seeded-random.ts';
import { Cache } from './cache.ts';
import { createDecide } from './cycle.ts';
import { podInfoOf } from './pod-info.ts';
import { defaultProfile } from './profile.ts';

const profile = defaultProfile({ transport: { bind: async () => {} } });

function decideOn(nodes: readonly Node[], held: readonly Pod[], wanted: Pod) {
  const cache = new Cache(new FakeClock());
  const { snapshot } = cache;
  // Half of the nodes come before their pods, half after.
  for (const it of nodes.slice(0, nodes.length >> 1)) cache.putNode(it);
  for (const it of held) cache.put(podInfoOf(it, snapshot.columns), it.spec.nodeName!);
  for (const it of nodes.slice(nodes.length >> 1)) cache.putNode(it);
  return createDecide(profile, new SeededRandom(1))(podInfoOf(wanted, snapshot.columns), snapshot);
}

test('the message counts each reason', () => {
  const nodes = [
    node('a', { allocatable: { cpu: '1', memory: '1Gi', pods: '10' } }),
    node('b', { taints: [{ key: 'x', effect: 'NoSchedule' }] }),
    node('c', { unschedulable: true }),
    node('d', { allocatable: { cpu: '1', memory: '8Gi', pods: '10' } }),
  ];
  const wanted = pod('p', { requests: { cpu: '2', memory: '4Gi' } });
  expect(decideOn(nodes, [], wanted)).toEqual({
    kind: 'refuse',
    message:
      '0/4 nodes are available: 1 Insufficient memory, 1 node(s) had untolerated taint(s), ' +
      '1 node(s) were unschedulable, 2 Insufficient cpu.',
    refusedBy: new Set(['NodeResourcesFit', 'TaintToleration', 'NodeUnschedulable']),
  });
});

test('without nodes it says so, and any node may help', () => {
  const decision = decideOn([], [], pod('p'));
  expect(decision).toMatchObject({ message: 'no nodes available to schedule pods' });
  expect(decision.kind === 'refuse' && decision.refusedBy.has('NodeResourcesFit')).toBe(true);
});

test('pods pack onto the fuller node', () => {
  const held = [pod('h', { requests: { cpu: '1', memory: '2Gi' }, nodeName: 'b' })];
  const wanted = pod('p', { requests: { cpu: '1', memory: '2Gi' } });
  expect(decideOn([node('a'), node('b')], held, wanted)).toMatchObject({ nodeName: 'b' });
});

test('pods too small to make a difference in whole points pack as well', () => {
  const huge = { cpu: '64', memory: '512Gi', pods: '110' };
  const nodes = ['a', 'b', 'c'].map((name) => node(name, { allocatable: huge }));
  const small = (name: string) => pod(name, { requests: { cpu: '100m', memory: '64Mi' } });
  const held: Pod[] = [];
  for (let i = 0; i < 40; i++) {
    const decision = decideOn(nodes, held, small(`p${i}`));
    if (decision.kind !== 'place') throw new Error('a pod found no place');
    held.push({ ...small(`p${i}`), spec: { ...small(`p${i}`).spec, nodeName: decision.nodeName } });
  }
  expect(new Set(held.map(({ spec }) => spec.nodeName)).size).toBe(1);
});

test('what is remembered of a lone candidate is not less than what it is worth', () => {
  const cache = new Cache(new FakeClock());
  const { snapshot } = cache;
  const infoOf = (it: Pod) => podInfoOf(it, snapshot.columns);
  for (let i = 0; i < 8; i++) cache.putNode(node(`n${i}`, { unschedulable: i > 0 }));
  const held = pod('h', { requests: { cpu: '1', memory: '2Gi' }, nodeName: 'n0' });
  cache.put(infoOf(held), 'n0');
  const decide = createDecide(profile, new SeededRandom(1));
  const wanted = pod('p', { requests: { cpu: '1', memory: '2Gi' } });
  expect(decide(infoOf(wanted), snapshot)).toMatchObject({ nodeName: 'n0', feasible: 1 });
  cache.putNode(node('n1'));
  expect(decide(infoOf(wanted), snapshot)).toMatchObject({ nodeName: 'n0', feasible: 2 });
});

const taint = fc.constantFrom<Taint>(
  { key: 'x', effect: 'NoSchedule' },
  { key: 'y', effect: 'PreferNoSchedule' },
  { key: 'z', effect: 'NoExecute' },
);
const nodeSpec = fc.record({
  cpu: fc.integer({ min: 1, max: 8 }),
  memory: fc.integer({ min: 1, max: 16 }),
  pods: fc.integer({ min: 1, max: 5 }),
  zone: fc.constantFrom('a', 'b'),
  taints: fc.uniqueArray(taint, { maxLength: 2 }),
  isCordoned: fc.boolean(),
});
const cluster = fc.array(nodeSpec, { minLength: 1, maxLength: 12 });
const someone = fc.record({
  cpu: fc.integer({ min: 0, max: 4 }),
  memory: fc.integer({ min: 0, max: 6 }),
  on: fc.nat(11),
  port: fc.option(fc.constantFrom(80, 81), { nil: undefined }),
});
const newcomer = fc.record({
  who: someone,
  zone: fc.option(fc.constantFrom('a', 'b'), { nil: undefined }),
  tolerates: fc.option(fc.constantFrom('x', 'y', 'z'), { nil: undefined }),
});

type NodeSpec = typeof nodeSpec extends fc.Arbitrary<infer T> ? T : never;
type Somebody = typeof someone extends fc.Arbitrary<infer T> ? T : never;

const podFor = (name: string, who: Somebody, rest: Partial<Pod['spec']> = {}): Pod => {
  const requests = {
    ...(who.cpu > 0 && { cpu: `${who.cpu}` }),
    ...(who.memory > 0 && { memory: `${who.memory}Gi` }),
  };
  const ports = who.port === undefined ? [] : [{ containerPort: 1, hostPort: who.port }];
  const containers = [{ name: 'main', ports, resources: { requests } }];
  return pod(name, { spec: { containers, ...rest } });
};

/** What happens between two decisions. */
const happening = fc.oneof(
  fc.record({ kind: fc.constant('pod leaves' as const), which: fc.nat(30) }),
  fc.record({ kind: fc.constant('node changes' as const), which: fc.nat(11), to: nodeSpec }),
  fc.record({ kind: fc.constant('node leaves' as const), which: fc.nat(11) }),
  fc.constant({ kind: 'nothing' as const }),
);

test('it chooses one of the best nodes that the slow reference finds, whatever happens', () => {
  // Few shapes of pods, so that what is remembered of them is put to use.
  const story = fc.record({
    wishes: fc.tuple(newcomer, newcomer),
    steps: fc.array(fc.tuple(fc.nat(1), happening), { minLength: 1, maxLength: 8 }),
  });
  fc.assert(
    fc.property(
      cluster,
      fc.array(someone, { maxLength: 20 }),
      story,
      (specs, crowd, { wishes, steps }) => {
        const world = new World(specs, crowd);
        for (const [i, [which, event]] of steps.entries()) {
          const wish = wishes[which]!;
          const wanted = podFor(`p${i}`, wish.who, {
            ...(wish.zone && { nodeSelector: { zone: wish.zone } }),
            ...(wish.tolerates && { tolerations: [{ key: wish.tolerates, operator: 'Exists' }] }),
          });
          const best = referenceBest([...world.nodes.values()], [...world.held.values()], wanted);
          const decision = world.decide(wanted);
          if (decision.kind === 'refuse') expect(best).toEqual([]);
          else {
            expect(best).toContain(decision.nodeName);
            world.place(wanted, decision.nodeName);
          }
          world.happen(event);
        }
      },
    ),
    { numRuns: 500 },
  );
});

/** One scheduler's view through a story, and the same as plain lists for the reference. */
class World {
  readonly nodes = new Map<string, Node>();
  readonly held = new Map<string, Pod>();
  readonly #cache = new Cache(new FakeClock());
  readonly #decide = createDecide(profile, new SeededRandom(1));

  constructor(specs: readonly NodeSpec[], crowd: readonly Somebody[]) {
    for (const [i, spec] of specs.entries()) this.#putNode(`n${i}`, spec);
    for (const [i, who] of crowd.entries()) {
      this.place(podFor(`h${i}`, who), `n${who.on % specs.length}`);
    }
  }

  decide(wanted: Pod) {
    const { snapshot } = this.#cache;
    return this.#decide(podInfoOf(wanted, snapshot.columns), snapshot);
  }

  place(who: Pod, nodeName: string): void {
    const placed = { ...who, spec: { ...who.spec, nodeName } };
    this.held.set(who.metadata.name, placed);
    this.#cache.put(podInfoOf(placed, this.#cache.snapshot.columns), nodeName);
  }

  happen(event: typeof happening extends fc.Arbitrary<infer T> ? T : never): void {
    if (event.kind === 'node changes') this.#putNode(`n${event.which}`, event.to);
    else if (event.kind === 'node leaves') {
      this.nodes.delete(`n${event.which}`);
      this.#cache.removeNode(`n${event.which}`);
    } else if (event.kind === 'pod leaves') {
      const who = [...this.held.values()][event.which];
      if (who === undefined) return;
      this.held.delete(who.metadata.name);
      this.#cache.remove(who.metadata.uid!);
    }
  }

  #putNode(name: string, it: NodeSpec): void {
    const made = node(name, {
      allocatable: { cpu: `${it.cpu}`, memory: `${it.memory}Gi`, pods: `${it.pods}` },
      labels: { zone: it.zone },
      taints: it.taints,
      unschedulable: it.isCordoned,
    });
    this.nodes.set(name, made);
    this.#cache.putNode(made);
  }
}

/** Names of the nodes with the highest score among those where the pod fits. */
function referenceBest(nodes: readonly Node[], held: readonly Pod[], wanted: Pod): string[] {
  const fitting = nodes.filter((it) => referenceFits(it, podsOn(it, held), wanted));
  const soft = fitting.map((it) => untolerated(it, wanted, 'PreferNoSchedule').length);
  const worst = Math.max(0, ...soft);
  const totals = fitting.map((it, i) => {
    const taints = worst === 0 ? 0 : 100 - Math.floor((100 * soft[i]!) / worst);
    return 3 * taints + referenceResources(it, podsOn(it, held), wanted);
  });
  const top = Math.max(...totals);
  return fitting.filter((_, i) => totals[i] === top).map(({ metadata }) => metadata.name);
}

const podsOn = ({ metadata }: Node, held: readonly Pod[]): readonly Pod[] =>
  held.filter(({ spec }) => spec.nodeName === metadata.name);

const requestOf = ({ spec }: Pod, name: string, fallback = 0): number => {
  const text = spec.containers[0]!.resources?.requests?.[name];
  return text === undefined ? fallback : Number.parseInt(text, 10);
};
const allocatableOf = ({ status }: Node, name: string): number =>
  Number.parseInt(status!.allocatable![name]!, 10);
const portOf = ({ spec }: Pod) => spec.containers[0]!.ports?.[0]?.hostPort;
const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

const untolerated = ({ spec }: Node, wanted: Pod, ...effects: readonly string[]) =>
  (spec.taints ?? []).filter(
    ({ key, effect }) =>
      effects.includes(effect) && !wanted.spec.tolerations?.some((it) => it.key === key),
  );

function referenceFits(it: Node, pods: readonly Pod[], wanted: Pod): boolean {
  const isShort = (name: string) => {
    const used = sum(pods.map((held) => requestOf(held, name)));
    const request = requestOf(wanted, name);
    return request > 0 && request > allocatableOf(it, name) - used;
  };
  const zone = wanted.spec.nodeSelector?.zone;
  return (
    it.spec.unschedulable !== true &&
    untolerated(it, wanted, 'NoSchedule', 'NoExecute').length === 0 &&
    (zone === undefined || it.metadata.labels?.zone === zone) &&
    !pods.some((held) => portOf(held) !== undefined && portOf(held) === portOf(wanted)) &&
    pods.length < allocatableOf(it, 'pods') &&
    !isShort('cpu') &&
    !isShort('memory')
  );
}

/** MostAllocated plus balance. Amounts without a request: 0.1 cores, 200 of 1024 MiB. */
function referenceResources(it: Node, pods: readonly Pod[], wanted: Pod): number {
  const all = [...pods, wanted];
  const used = (name: string, fallback: number) =>
    sum(all.map((one) => requestOf(one, name, fallback))) / allocatableOf(it, name);
  const points = (share: number) => Math.floor(Math.min(1, share) * 100 + 1e-9);
  const packed = Math.floor((points(used('cpu', 0.1)) + points(used('memory', 200 / 1024))) / 2);
  if (requestOf(wanted, 'cpu') === 0 && requestOf(wanted, 'memory') === 0) return packed;
  const distance = Math.abs(Math.min(1, used('cpu', 0)) - Math.min(1, used('memory', 0)));
  return packed + Math.floor((1 - distance / 2) * 100);
}
