import { expect, test } from 'vitest';
import { containerSpec, webPod } from '../../test/kubelet-builders.ts';
import { planAdmission, requestsOf } from './admission.ts';

const allocatable = { cpu: '2', memory: '1Gi', pods: '3' };
const asking = (cpu: string, memory = '1Mi') =>
  webPod({ containers: [containerSpec('main', { resources: { requests: { cpu, memory } } })] });

test('a pod that fits is let in', () => {
  expect(planAdmission(asking('1'), [asking('1')], allocatable)).toBeUndefined();
});

test('a pod that does not fit is refused, with numbers', () => {
  expect(planAdmission(asking('1500m'), [asking('1')], allocatable)).toEqual({
    reason: 'OutOfcpu',
    message:
      "Pod was rejected: Node didn't have enough resource: cpu, requested: 1500, used: 1000, capacity: 2000",
  });
  expect(planAdmission(asking('1m', '2Gi'), [], allocatable)?.reason).toBe('OutOfmemory');
  const full = [asking('0'), asking('0'), asking('0')];
  expect(planAdmission(asking('0'), full, allocatable)?.reason).toBe('OutOfpods');
});

test('two pods cannot have the same port of the node', () => {
  const ported = (hostPort: number, hostIP?: string) =>
    webPod({
      containers: [
        containerSpec('main', {
          ports: [{ containerPort: 80, hostPort, ...(hostIP && { hostIP }) }],
        }),
      ],
    });
  expect(planAdmission(ported(80), [ported(80)], allocatable)?.reason).toBe('NodePorts');
  expect(planAdmission(ported(80), [ported(80, '127.0.0.1')], allocatable)?.reason).toBe(
    'NodePorts',
  );
  expect(planAdmission(ported(80), [ported(81)], allocatable)).toBeUndefined();
});

test('init containers count at their peak, sidecars for good', () => {
  const cpu = (name: string, amount: string, isSide = false) =>
    containerSpec(name, {
      resources: { requests: { cpu: amount } },
      ...(isSide && { restartPolicy: 'Always' as const }),
    });
  const pod = webPod({
    initContainers: [cpu('side', '100m', true), cpu('big', '500m')],
    containers: [cpu('main', '200m')],
  });
  expect(requestsOf(pod).get('cpu')).toBe(600);
});
