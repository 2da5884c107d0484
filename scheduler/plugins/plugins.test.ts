import { expect, test } from 'vitest';
import type { Node, Pod } from '../../proto/generated/core.v1.ts';
import { node, pod } from '../../test/scheduling-builders.ts';
import type { FilterPlugin, Plugin, ScorePlugin } from '../framework.ts';
import { podInfoOf } from '../pod-info.ts';
import { Snapshot } from '../snapshot.ts';
import { nodeAffinity } from './node-affinity.ts';
import { nodeName } from './node-name.ts';
import { nodePorts } from './node-ports.ts';
import { nodeResourcesBalancedAllocation } from './node-resources-balanced-allocation.ts';
import { nodeResourcesFit, type ScoringStrategy } from './node-resources-fit.ts';
import { nodeUnschedulable } from './node-unschedulable.ts';
import { schedulingGates } from './scheduling-gates.ts';
import { taintToleration } from './taint-toleration.ts';

/** Reasons by node name; a node that will do has none. */
function verdicts(plugin: Plugin, wanted: Pod, nodes: readonly Node[], held: readonly Pod[] = []) {
  const { preFilter, filter, filterAll } = plugin as Required<FilterPlugin<unknown>>;
  const snapshot = snapshotOf(nodes, held);
  const info = podInfoOf(wanted, snapshot.columns);
  const prepared = preFilter?.(info, snapshot);
  const state = prepared?.kind === 'check' ? prepared.state : info;
  const answers = nodes.map((it, row) => {
    const refusal = prepared?.kind === 'skip' ? undefined : filter(state, snapshot, row);
    return [it.metadata.name, refusal?.reasons ?? []] as const;
  });
  if (filterAll !== undefined && prepared?.kind !== 'skip') {
    const fits = new Uint8Array(nodes.length).fill(1);
    filterAll(state, snapshot, fits);
    expect([...fits]).toEqual(answers.map(([, reasons]) => (reasons.length === 0 ? 1 : 0)));
  }
  return Object.fromEntries(answers);
}

function scores(plugin: Plugin, wanted: Pod, nodes: readonly Node[], held: readonly Pod[] = []) {
  const { preScore, score, scoreAll, normalizeScore } = plugin as Required<ScorePlugin<unknown>>;
  const snapshot = snapshotOf(nodes, held);
  const info = podInfoOf(wanted, snapshot.columns);
  const prepared = preScore?.(info, snapshot);
  if (prepared?.kind === 'skip') return 'skip';
  const state = prepared?.kind === 'check' ? prepared.state : info;
  const found = Float64Array.from(nodes, (_, row) => score(state, snapshot, row));
  if (scoreAll !== undefined) {
    const all = new Float64Array(nodes.length);
    const rows = Int32Array.from(nodes.keys());
    scoreAll(state, snapshot, { rows, count: nodes.length }, all);
    expect([...all]).toEqual([...found]);
  }
  normalizeScore?.(found, nodes.length);
  return [...found];
}

function snapshotOf(nodes: readonly Node[], held: readonly Pod[]): Snapshot {
  const snapshot = new Snapshot();
  for (const it of nodes) snapshot.putNode(it);
  for (const it of held) {
    snapshot.addPod(snapshot.rowOf(it.spec.nodeName!), podInfoOf(it, snapshot.columns));
  }
  return snapshot;
}

const resourcesFit = (strategy: ScoringStrategy) =>
  nodeResourcesFit({ strategy, weights: { cpu: 1, memory: 1 } });

test('a node without room says what is short', () => {
  const nodes = [
    node('big', { allocatable: { cpu: '4', memory: '8Gi', pods: '10' } }),
    node('small', { allocatable: { cpu: '1', memory: '1Gi', pods: '10' } }),
    node('crowded', { allocatable: { cpu: '4', memory: '8Gi', pods: '1' } }),
  ];
  const held = [pod('a', { requests: {}, nodeName: 'crowded' })];
  const wanted = pod('p', { requests: { cpu: '2', memory: '2Gi' } });
  expect(verdicts(resourcesFit('MostAllocated'), wanted, nodes, held)).toEqual({
    big: [],
    small: ['Insufficient cpu', 'Insufficient memory'],
    crowded: ['Too many pods'],
  });
});

test('an extended resource is short where there is none of it', () => {
  const nodes = [
    node('gpu', { allocatable: { cpu: '4', memory: '8Gi', pods: '10', 'example.com/gpu': '1' } }),
    node('plain', {}),
  ];
  const wanted = pod('p', { requests: { 'example.com/gpu': '1' } });
  const held = [pod('a', { requests: { 'example.com/gpu': '1' }, nodeName: 'gpu' })];
  const short = ['Insufficient example.com/gpu'];
  expect(verdicts(resourcesFit('MostAllocated'), wanted, nodes)).toEqual({ gpu: [], plain: short });
  expect(verdicts(resourcesFit('MostAllocated'), wanted, nodes, held)).toEqual({
    gpu: short,
    plain: short,
  });
});

test('packing prefers the fuller node, spreading the emptier one', () => {
  const nodes = [node('empty', {}), node('busy', {})];
  const held = [pod('a', { requests: { cpu: '2', memory: '4Gi' }, nodeName: 'busy' })];
  const wanted = pod('p', { requests: { cpu: '1', memory: '2Gi' } });
  expect(scores(resourcesFit('MostAllocated'), wanted, nodes, held)).toEqual([25, 75]);
  expect(scores(resourcesFit('LeastAllocated'), wanted, nodes, held)).toEqual([75, 25]);
});

test('pods that request nothing count in scores all the same', () => {
  const nodes = [node('empty', {}), node('busy', {})];
  const held = Array.from({ length: 10 }, (_, i) => pod(`a${i}`, { nodeName: 'busy' }));
  expect(scores(resourcesFit('LeastAllocated'), pod('p', {}), nodes, held)).toEqual([97, 72]);
});

test('balance is best where cpu and memory are used alike', () => {
  const nodes = [node('even', {}), node('odd', {})];
  const held = [pod('a', { requests: { cpu: '2' }, nodeName: 'odd' })];
  const wanted = pod('p', { requests: { cpu: '1', memory: '2Gi' } });
  expect(scores(nodeResourcesBalancedAllocation, wanted, nodes, held)).toEqual([100, 75]);
  expect(scores(nodeResourcesBalancedAllocation, pod('p', {}), nodes)).toBe('skip');
});

test('hard taints keep out whom they are not tolerated by', () => {
  const nodes = [
    node('clean', {}),
    node('gpu', { taints: [{ key: 'gpu', value: 'yes', effect: 'NoSchedule' }] }),
    node('sick', { taints: [{ key: 'sick', effect: 'NoExecute' }] }),
    node('spot', { taints: [{ key: 'spot', effect: 'PreferNoSchedule' }] }),
  ];
  const tainted = ['node(s) had untolerated taint(s)'];
  const verdictOf = (tolerations: Pod['spec']['tolerations'] = []) =>
    verdicts(taintToleration, pod('p', { spec: { tolerations } }), nodes);
  expect(verdictOf()).toEqual({ clean: [], gpu: tainted, sick: tainted, spot: [] });
  expect(verdictOf([{ key: 'gpu', value: 'yes' }]).gpu).toEqual([]);
  expect(verdictOf([{ key: 'gpu', value: 'no' }]).gpu).toEqual(tainted);
  expect(verdictOf([{ key: 'gpu', operator: 'Exists', effect: 'NoExecute' }]).gpu).toEqual(tainted);
  expect(verdictOf([{ operator: 'Exists' }])).toEqual({ clean: [], gpu: [], sick: [], spot: [] });
});

test('soft taints only lower the score', () => {
  const nodes = [
    node('clean', {}),
    node('spot', { taints: [{ key: 'spot', effect: 'PreferNoSchedule' }] }),
  ];
  expect(scores(taintToleration, pod('p', {}), nodes)).toEqual([100, 0]);
  const tolerant = pod('p', { spec: { tolerations: [{ operator: 'Exists' }] } });
  expect(scores(taintToleration, tolerant, nodes)).toBe('skip');
});

test('a cordoned node takes only those who tolerate it', () => {
  const nodes = [node('open', {}), node('cordoned', { unschedulable: true })];
  const toleration = { key: 'node.kubernetes.io/unschedulable', operator: 'Exists' } as const;
  const refused = { open: [], cordoned: ['node(s) were unschedulable'] };
  expect(verdicts(nodeUnschedulable, pod('p', {}), nodes)).toEqual(refused);
  const tolerant = pod('p', { spec: { tolerations: [toleration] } });
  expect(verdicts(nodeUnschedulable, tolerant, nodes)).toEqual({ open: [], cordoned: [] });
});

test('a pod that names its node fits there alone', () => {
  const nodes = [node('a', {}), node('b', {})];
  expect(verdicts(nodeName, pod('p', { nodeName: 'b' }), nodes)).toEqual({
    a: ["node(s) didn't match the requested node name"],
    b: [],
  });
});

test('a host port can be held once; any address stands for all', () => {
  const nodes = [node('a', {})];
  const at = (hostPort: number, hostIP = '', protocol: 'TCP' | 'UDP' = 'TCP') => ({
    containers: [{ name: 'main', ports: [{ containerPort: 80, hostPort, hostIP, protocol }] }],
  });
  const taken = { a: ["node(s) didn't have free ports for the requested pod ports"] };
  const held = [pod('h', { spec: at(80, '10.0.0.1'), nodeName: 'a' })];
  const verdictOf = (spec: Partial<Pod['spec']>) =>
    verdicts(nodePorts, pod('p', { spec }), nodes, held);
  expect(verdictOf(at(80))).toEqual(taken);
  expect(verdictOf(at(80, '10.0.0.1'))).toEqual(taken);
  expect(verdictOf(at(80, '10.0.0.2'))).toEqual({ a: [] });
  expect(verdictOf(at(80, '', 'UDP'))).toEqual({ a: [] });
  expect(verdictOf(at(81))).toEqual({ a: [] });
});

test('the node selector and the required terms must both hold', () => {
  const nodes = [
    node('a', { labels: { zone: 'east', cores: '4' } }),
    node('b', { labels: { zone: 'west', cores: '16' } }),
    node('c', {}),
  ];
  const fits = (spec: Partial<Pod['spec']>) =>
    Object.entries(verdicts(nodeAffinity, pod('p', { spec }), nodes))
      .filter(([, reasons]) => reasons.length === 0)
      .map(([name]) => name);
  const terms = (
    ...matchExpressions: {
      key: string;
      operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist' | 'Gt' | 'Lt';
      values?: string[];
    }[]
  ) => ({
    affinity: {
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: {
          nodeSelectorTerms: [{ matchExpressions }],
        },
      },
    },
  });
  expect(fits({})).toEqual(['a', 'b', 'c']);
  expect(fits({ nodeSelector: { zone: 'east' } })).toEqual(['a']);
  expect(fits(terms({ key: 'zone', operator: 'In', values: ['east', 'west'] }))).toEqual([
    'a',
    'b',
  ]);
  expect(fits(terms({ key: 'zone', operator: 'NotIn', values: ['east'] }))).toEqual(['b', 'c']);
  expect(fits(terms({ key: 'zone', operator: 'DoesNotExist' }))).toEqual(['c']);
  expect(fits(terms({ key: 'cores', operator: 'Gt', values: ['8'] }))).toEqual(['b']);
  expect(fits(terms({ key: 'cores', operator: 'Lt', values: ['8'] }))).toEqual(['a']);
  expect(fits(terms())).toEqual([]);
  expect(
    fits({
      nodeSelector: { zone: 'east' },
      ...terms({ key: 'cores', operator: 'Gt', values: ['8'] }),
    }),
  ).toEqual([]);
});

test('preferred terms add up their weights', () => {
  const nodes = [node('a', { labels: { x: '1', y: '1' } }), node('b', { labels: { x: '1' } })];
  const prefer = (key: string, weight: number) => ({
    weight,
    preference: { matchExpressions: [{ key, operator: 'Exists' as const }] },
  });
  const nodeAffinitySpec = {
    preferredDuringSchedulingIgnoredDuringExecution: [prefer('x', 1), prefer('y', 3)],
  };
  const wanted = pod('p', { spec: { affinity: { nodeAffinity: nodeAffinitySpec } } });
  expect(scores(nodeAffinity, wanted, nodes)).toEqual([100, 25]);
});

test('gates keep a pod out of the queue', () => {
  const snapshot = new Snapshot();
  const gated = pod('p', { spec: { schedulingGates: [{ name: 'wait' }] } });
  expect(schedulingGates.preEnqueue(podInfoOf(gated, snapshot.columns))).toBeDefined();
  expect(schedulingGates.preEnqueue(podInfoOf(pod('p', {}), snapshot.columns))).toBeUndefined();
});
