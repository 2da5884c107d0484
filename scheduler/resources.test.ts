import { expect, test } from 'vitest';
import type { Container, PodSpec } from '../proto/generated/core.v1.ts';
import { pod } from '../test/scheduling-builders.ts';
import { ResourceColumns, requestsOf } from './resources.ts';

const container = (cpu: string, rest: Partial<Container> = {}): Container => ({
  name: 'c',
  resources: { requests: { cpu } },
  ...rest,
});

function cpuOf(spec: Partial<PodSpec>): number {
  const { columns, amounts } = requestsOf(pod('p', { spec }), new ResourceColumns());
  return amounts[columns.indexOf(0)] ?? 0;
}

test('containers add up', () => {
  expect(cpuOf({ containers: [container('100m'), container('1')] })).toBe(1100);
});

test('init containers run one at a time, before the rest', () => {
  const containers = [container('500m')];
  expect(cpuOf({ containers, initContainers: [container('2'), container('1')] })).toBe(2000);
  expect(cpuOf({ containers, initContainers: [container('100m')] })).toBe(500);
});

test('a sidecar runs beside the containers and beside the init containers after it', () => {
  const sidecar = container('300m', { restartPolicy: 'Always' });
  const containers = [container('500m')];
  expect(cpuOf({ containers, initContainers: [sidecar] })).toBe(800);
  expect(cpuOf({ containers, initContainers: [sidecar, container('1')] })).toBe(1300);
  expect(cpuOf({ containers, initContainers: [container('1'), sidecar] })).toBe(1000);
});

test('pod-level requests replace the sum, overhead comes on top', () => {
  const containers = [container('500m')];
  expect(cpuOf({ containers, resources: { requests: { cpu: '2' } } })).toBe(2000);
  expect(cpuOf({ containers, overhead: { cpu: '50m' } })).toBe(550);
});

test('for scores a container without requests counts for a little', () => {
  const { scoredCpu, scoredMemory } = requestsOf(pod('p'), new ResourceColumns());
  expect([scoredCpu, scoredMemory]).toEqual([100, 200 * 1024 * 1024]);
});

test('resource names beyond the limit are nowhere to be had', () => {
  const columns = new ResourceColumns();
  for (let i = 0; i < 300; i++) columns.columnOf(`example.com/r${i}`);
  expect(columns.names.length).toBe(256);
  expect(columns.columnOf('example.com/one-more')).toBe(-1);
});
