import { expect, test } from 'vitest';
import { Faults } from '../../machinery/validation.ts';
import type { ContainerStatus, Pod, PodSpec } from '../../proto/generated/core.v1.ts';
import { podKind } from './pod.ts';
import { qosClassOf } from './qos.ts';

const NOW = Date.parse('2026-01-01T01:00:00Z');
const main = { name: 'main', image: 'busybox:1' };
const pod = (spec: Partial<PodSpec> = {}, status: Pod['status'] = { phase: 'Running' }): Pod => ({
  metadata: { name: 'p', namespace: 'default' },
  spec: { containers: [main], ...spec },
  status,
});
const container = (status: Partial<ContainerStatus>): ContainerStatus => ({
  name: 'main',
  image: 'busybox:1',
  imageID: '',
  ready: false,
  restartCount: 0,
  ...status,
});
const cell = (name: string, of: Pod): string | number =>
  podKind.columns!.find((column) => column.name === name)!.value(of, NOW);
const faultsOf = (of: Pod, previous?: Pod): string[] => {
  const faults = new Faults();
  podKind.validate!(of, faults);
  if (previous) podKind.validateUpdate!(of, previous, faults);
  return faults.causes.map(({ field, message }) => `${field}: ${message}`);
};
const ended = {
  exitCode: 0,
  finishedAt: '2026-01-01T00:50:00Z',
  startedAt: '2026-01-01T00:40:00Z',
};

test.each([
  ['Pending', pod({}, { phase: 'Pending' })],
  ['Evicted', pod({}, { phase: 'Failed', reason: 'Evicted' })],
  [
    'ContainerCreating',
    pod(
      {},
      { containerStatuses: [container({ state: { waiting: { reason: 'ContainerCreating' } } })] },
    ),
  ],
  [
    'CrashLoopBackOff',
    pod(
      {},
      { containerStatuses: [container({ state: { waiting: { reason: 'CrashLoopBackOff' } } })] },
    ),
  ],
  [
    'Error',
    pod(
      {},
      { containerStatuses: [container({ state: { terminated: { ...ended, reason: 'Error' } } })] },
    ),
  ],
  [
    'ExitCode:3',
    pod({}, { containerStatuses: [container({ state: { terminated: { exitCode: 3 } } })] }),
  ],
  [
    'Signal:9',
    pod(
      {},
      { containerStatuses: [container({ state: { terminated: { exitCode: 137, signal: 9 } } })] },
    ),
  ],
  [
    'Init:0/2',
    pod(
      { initContainers: [{ name: 'a' }, { name: 'b' }] },
      {
        phase: 'Pending',
        initContainerStatuses: [container({ name: 'a', state: { running: {} } })],
      },
    ),
  ],
  [
    'Init:CrashLoopBackOff',
    pod(
      { initContainers: [{ name: 'a' }] },
      {
        phase: 'Pending',
        initContainerStatuses: [
          container({ name: 'a', state: { waiting: { reason: 'CrashLoopBackOff' } } }),
        ],
      },
    ),
  ],
  [
    'PodInitializing',
    pod(
      { initContainers: [{ name: 'a' }] },
      {
        phase: 'Pending',
        initContainerStatuses: [container({ name: 'a', state: { terminated: ended } })],
        containerStatuses: [container({ state: { waiting: { reason: 'PodInitializing' } } })],
      },
    ),
  ],
  [
    'SchedulingGated',
    pod(
      {},
      {
        phase: 'Pending',
        conditions: [{ type: 'PodScheduled', status: 'False', reason: 'SchedulingGated' }],
      },
    ),
  ],
] as const)('a pod is shown as %s', (word, shown) => {
  expect(cell('Status', shown as Pod)).toBe(word);
});

test('a pod that is going is Terminating, unless it has ended or its node is lost', () => {
  const going = (status: Pod['status']): Pod => {
    const shown = pod({}, status);
    shown.metadata.deletionTimestamp = '2026-01-01T00:59:00Z';
    return shown;
  };
  expect(cell('Status', going({ phase: 'Running' }))).toBe('Terminating');
  expect(cell('Status', going({ phase: 'Succeeded' }))).toBe('Succeeded');
  expect(cell('Status', going({ phase: 'Running', reason: 'NodeLost' }))).toBe('Unknown');
});

test('READY counts sidecars, RESTARTS say when', () => {
  const shown = pod(
    {
      containers: [main, { ...main, name: 'second' }],
      initContainers: [{ name: 'side', restartPolicy: 'Always' }],
    },
    {
      phase: 'Running',
      initContainerStatuses: [
        container({ name: 'side', ready: true, started: true, restartCount: 1 }),
      ],
      containerStatuses: [
        container({
          ready: true,
          restartCount: 2,
          state: { running: {} },
          lastState: { terminated: ended },
        }),
        container({ name: 'second', state: { running: {} } }),
      ],
    },
  );
  expect(cell('Ready', shown)).toBe('2/3');
  expect(cell('Restarts', shown)).toBe('3 (10m ago)');
  expect(cell('Restarts', pod())).toBe('0');
});

test('a pod half done is shown as Running while it is ready', () => {
  const statuses = [
    container({ state: { terminated: { ...ended, reason: 'Completed' } } }),
    container({ name: 'second', ready: true, state: { running: {} } }),
  ];
  const shown = pod({}, { phase: 'Running', containerStatuses: statuses });
  expect(cell('Status', shown)).toBe('NotReady');
  shown.status!.conditions = [{ type: 'Ready', status: 'True' }];
  expect(cell('Status', shown)).toBe('Running');
});

test('wide columns say where it runs', () => {
  const shown = pod(
    { nodeName: 'n1', readinessGates: [{ conditionType: 'x/y' }] },
    { podIP: '10.1.2.3' },
  );
  expect(
    ['IP', 'Node', 'Nominated Node', 'Readiness Gates'].map((name) => cell(name, shown)),
  ).toEqual(['10.1.2.3', 'n1', '<none>', '0/1']);
});

test('defaults follow the image, the limits and the network', () => {
  const made = pod({
    hostNetwork: true,
    containers: [
      { name: 'a', image: 'reg.example:5000/app', ports: [{ containerPort: 80 }] },
      {
        name: 'b',
        image: 'app:1',
        resources: { limits: { cpu: '1', memory: '1Gi' }, requests: { cpu: '500m' } },
      },
      { name: 'c', image: 'app:latest@sha256:00' },
    ],
    volumes: [{ name: 'v' }],
    serviceAccount: 'old',
  });
  podKind.defaults!(made);
  expect(made.spec).toMatchObject({
    enableServiceLinks: true,
    serviceAccountName: 'old',
    volumes: [{ emptyDir: {} }],
    containers: [
      { imagePullPolicy: 'Always', ports: [{ hostPort: 80 }] },
      { imagePullPolicy: 'IfNotPresent', resources: { requests: { cpu: '500m', memory: '1Gi' } } },
      { imagePullPolicy: 'IfNotPresent' },
    ],
  });
});

test('quality of service follows requests and limits', () => {
  const both = { cpu: '1', memory: '1Gi' };
  const spec = (resources: object): PodSpec => ({ containers: [{ ...main, resources }] });
  expect(qosClassOf(spec({}))).toBe('BestEffort');
  expect(qosClassOf(spec({ requests: { cpu: '1' } }))).toBe('Burstable');
  expect(qosClassOf(spec({ limits: both, requests: { cpu: '1000m', memory: '1Gi' } }))).toBe(
    'Guaranteed',
  );
  expect(
    qosClassOf({ containers: [{ ...main, resources: { limits: both, requests: both } }, main] }),
  ).toBe('Burstable');
});

test('grace is asked for only of pods that run somewhere', () => {
  const seconds = (of: Pod): number => podKind.gracePeriod!(of);
  expect(seconds(pod({ terminationGracePeriodSeconds: 30 }))).toBe(0);
  expect(seconds(pod({ nodeName: 'n', terminationGracePeriodSeconds: 7 }))).toBe(7);
  expect(
    seconds(pod({ nodeName: 'n', terminationGracePeriodSeconds: 7 }, { phase: 'Failed' })),
  ).toBe(0);
});

test.each<[string, Partial<PodSpec>]>([
  ['spec.containers: Required value', { containers: [] }],
  ['spec.containers[0].image: Required value', { containers: [{ name: 'main' }] }],
  ['spec.containers[1].name: Duplicate value: "main"', { containers: [main, main] }],
  [
    'spec.initContainers[0].livenessProbe: Forbidden: may not be set for init containers without ' +
      'restartPolicy=Always',
    { initContainers: [{ ...main, name: 'i', livenessProbe: { exec: { command: ['x'] } } }] },
  ],
  [
    'spec.containers[0].ports[1].name: Duplicate value: "a"',
    {
      containers: [
        {
          ...main,
          ports: [
            { name: 'a', containerPort: 1 },
            { name: 'a', containerPort: 2 },
          ],
        },
      ],
    },
  ],
  [
    'spec.containers[0].volumeMounts[0].name: Not found: "v"',
    { containers: [{ ...main, volumeMounts: [{ name: 'v', mountPath: '/v' }] }] },
  ],
  [
    'spec.volumes[0].secret: Forbidden: may not specify more than 1 volume type',
    { volumes: [{ name: 'v', emptyDir: {}, secret: { secretName: 's' } }] },
  ],
  [
    'spec.volumes[1].name: Duplicate value: "v"',
    {
      volumes: [
        { name: 'v', emptyDir: {} },
        { name: 'v', emptyDir: {} },
      ],
    },
  ],
  [
    'spec.containers[0].env[0].valueFrom: Invalid value: "": may not be specified when `value` is not empty',
    {
      containers: [
        {
          ...main,
          env: [{ name: 'A', value: 'x', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }],
        },
      ],
    },
  ],
  [
    'spec.containers[0].resources.limits[cpu]: Invalid value: "-1": must be greater than or equal to 0',
    { containers: [{ ...main, resources: { limits: { cpu: '-1' } } }] },
  ],
  [
    'spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1',
    { containers: [{ ...main, livenessProbe: { tcpSocket: { port: 1 }, successThreshold: 2 } }] },
  ],
  [
    'spec.activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, inclusive',
    { activeDeadlineSeconds: 0 },
  ],
  [
    'spec.tolerations[0].operator: Invalid value: "Equal": operator must be Exists when `key` is empty, ' +
      'which means "match all values and all keys"',
    { tolerations: [{ value: 'x' }] },
  ],
  [
    'spec.volumes[0].configMap.items[0].path: Invalid value: "../x": must not contain \'..\'',
    { volumes: [{ name: 'v', configMap: { name: 'c', items: [{ key: 'k', path: '../x' }] } }] },
  ],
])('%s', (fault, spec) => {
  expect(faultsOf(pod(spec))).toEqual([fault]);
});

test('a spec that is right has no faults', () => {
  const spec: Partial<PodSpec> = {
    containers: [{ ...main, volumeMounts: [{ name: 'v', mountPath: '/v', subPath: 'a/b' }] }],
    volumes: [{ name: 'v', emptyDir: {} }],
    tolerations: [{ operator: 'Exists' }, { key: 'a', effect: 'NoExecute', tolerationSeconds: 5 }],
  };
  expect(faultsOf(pod(spec))).toEqual([]);
});

test('of a running pod, images and tolerations may change, and little else', () => {
  const before = pod({
    activeDeadlineSeconds: 10,
    tolerations: [{ key: 'a', operator: 'Exists' }],
  });
  const changed = (spec: Partial<PodSpec>): string[] =>
    faultsOf({ ...before, spec: { ...before.spec, ...spec } }, before).map((text) =>
      text.slice(0, 40),
    );
  expect(changed({ containers: [{ ...main, image: 'busybox:2' }] })).toEqual([]);
  expect(changed({ activeDeadlineSeconds: 5 })).toEqual([]);
  expect(
    changed({ tolerations: [...before.spec.tolerations!, { key: 'b', operator: 'Exists' }] }),
  ).toEqual([]);
  expect(changed({ activeDeadlineSeconds: 50 })[0]).toContain(
    'spec.activeDeadlineSeconds: Invalid',
  );
  expect(changed({ tolerations: [] })[0]).toContain('spec.tolerations: Forbidden');
  expect(changed({ containers: [{ ...main, command: ['x'] }] })[0]).toContain(
    'spec: Forbidden: pod updates',
  );
  expect(changed({ containers: [main, { ...main, name: 'b' }] })[0]).toContain(
    'spec.containers: Forbidden',
  );
  expect(changed({ nodeName: 'n' })[0]).toContain('spec: Forbidden');
});

test('while a gate holds it back, where a pod may go can be narrowed, and gates only go', () => {
  const before = pod({ schedulingGates: [{ name: 'x/a' }, { name: 'x/b' }] });
  const changed = (spec: Partial<PodSpec>): string[] =>
    faultsOf({ ...before, spec: { ...before.spec, ...spec } }, before);
  expect(changed({ schedulingGates: [{ name: 'x/b' }], nodeSelector: { a: 'b' } })).toEqual([]);
  expect(changed({ schedulingGates: [{ name: 'x/c' }] })).toEqual([
    "spec.schedulingGates: Forbidden: only deletion is allowed, but found new scheduling gate 'x/c'",
  ]);
});
