import { expect, test } from 'vitest';
import { timestampOf } from '../../machinery/clock.ts';
import {
  containerSpec,
  ended,
  NODE_IP,
  NOW_MS,
  run,
  sandbox,
  view,
  webPod,
} from '../../test/kubelet-builders.ts';
import { statusOf } from './status.ts';
import type { PodView } from './view.ts';

const status = (rest: Partial<PodView>) => statusOf(view(rest));
const condition = (rest: Partial<PodView>, type: string) =>
  status(rest).conditions?.find((one) => one.type === type);

test('a running pod tells its phase, addresses and containers', () => {
  const told = status({ containers: [run('main')] });
  expect(told).toMatchObject({
    phase: 'Running',
    hostIP: NODE_IP,
    podIP: '10.244.1.2',
    podIPs: [{ ip: '10.244.1.2' }],
    qosClass: 'BestEffort',
    containerStatuses: [
      {
        name: 'main',
        ready: true,
        started: true,
        restartCount: 0,
        containerID: 'docker://main-0',
        state: { running: { startedAt: timestampOf(NOW_MS - 60_000) } },
      },
    ],
  });
  const all = told.conditions?.map(({ type, status }) => `${type}=${status}`);
  expect(all?.toSorted()).toEqual([
    'ContainersReady=True',
    'Initialized=True',
    'PodReadyToStartContainers=True',
    'PodScheduled=True',
    'Ready=True',
  ]);
});

test('a container that is being made waits for that, or for the init containers', () => {
  expect(status({}).containerStatuses?.[0]?.state).toEqual({
    waiting: { reason: 'ContainerCreating' },
  });
  const pod = webPod({ initContainers: [containerSpec('first')] });
  const told = status({ pod, containers: [run('first')] });
  expect(told.phase).toBe('Pending');
  expect(told.containerStatuses?.[0]?.state).toEqual({ waiting: { reason: 'PodInitializing' } });
  expect(condition({ pod, containers: [run('first')] }, 'Initialized')).toMatchObject({
    status: 'False',
    reason: 'ContainersNotInitialized',
    message: 'containers with incomplete status: [first]',
  });
});

test('a crashing container waits, and its end is the last state', () => {
  const waiting = new Map([['main', { reason: 'CrashLoopBackOff', message: 'back-off 10s' }]]);
  const lastWords = new Map([['main-2', 'oops']]);
  const containers = [ended('main', 3, { attempt: 2 })];
  const told = status({ containers, waiting, lastWords });
  expect(told.phase).toBe('Running');
  expect(told.containerStatuses?.[0]).toMatchObject({
    restartCount: 2,
    ready: false,
    state: { waiting: { reason: 'CrashLoopBackOff', message: 'back-off 10s' } },
    lastState: { terminated: { exitCode: 3, reason: 'Error', message: 'oops' } },
  });
});

test('a restarted container remembers how the run before it ended', () => {
  const containers = [run('main', { attempt: 1 }), ended('main', 137, { isOomKilled: true })];
  expect(status({ containers }).containerStatuses?.[0]).toMatchObject({
    restartCount: 1,
    state: { running: {} },
    lastState: { terminated: { exitCode: 137, reason: 'OOMKilled' } },
  });
});

test('a container that could not start ended with 128 and says why', () => {
  const containers = [run('main', { state: 'created', error: 'no such file' })];
  expect(status({ containers }).containerStatuses?.[0]?.state?.terminated).toMatchObject({
    exitCode: 128,
    reason: 'StartError',
    message: 'no such file',
  });
});

test('phases of pods that end follow the restart policy', () => {
  const phase = (restartPolicy: 'Always' | 'OnFailure' | 'Never', ...codes: number[]) => {
    const names = codes.map((_, index) => `c${index}`);
    const pod = webPod({ restartPolicy, containers: names.map((name) => containerSpec(name)) });
    const containers = codes.map((code, index) =>
      code < 0 ? run(`c${index}`) : ended(`c${index}`, code),
    );
    return status({ pod, containers }).phase;
  };
  expect(phase('Never', 0, 0)).toBe('Succeeded');
  expect(phase('Never', 0, 1)).toBe('Failed');
  expect(phase('Never', 1, -1)).toBe('Running');
  expect(phase('OnFailure', 0, 0)).toBe('Succeeded');
  expect(phase('OnFailure', 0, 1)).toBe('Running');
  expect(phase('Always', 0, 0)).toBe('Running');
});

test('a failed init container fails a pod that never restarts', () => {
  const pod = webPod({ restartPolicy: 'Never', initContainers: [containerSpec('first')] });
  expect(status({ pod, containers: [ended('first', 1)] }).phase).toBe('Failed');
});

test('a finished pod stays finished, whatever the node still knows of it', () => {
  const told = {
    name: 'main',
    ready: false,
    restartCount: 0,
    image: 'i',
    imageID: 'x',
    state: { terminated: { exitCode: 0, reason: 'Completed' } },
  };
  const pod = webPod({}, { status: { phase: 'Succeeded', containerStatuses: [told] } });
  const now = status({ pod, sandboxes: [] });
  expect(now.phase).toBe('Succeeded');
  expect(now.containerStatuses).toEqual([told]);
  expect(condition({ pod, sandboxes: [] }, 'Ready')).toMatchObject({ reason: 'PodCompleted' });
});

test('readiness counts: a probe that has yet to succeed keeps the pod unready', () => {
  const pod = webPod({
    containers: [containerSpec('main', { readinessProbe: { tcpSocket: { port: 80 } } })],
  });
  const containers = [run('main')];
  expect(condition({ pod, containers }, 'Ready')).toMatchObject({
    status: 'False',
    reason: 'ContainersNotReady',
    message: 'containers with unready status: [main]',
  });
  const health = new Map([['main-0', { isStarted: true, isReady: true }]]);
  expect(condition({ pod, containers, health }, 'Ready')?.status).toBe('True');
});

test('a condition keeps the time of its last change', () => {
  const before = { type: 'Ready', status: 'True' as const, lastTransitionTime: 'then' };
  const pod = webPod({}, { status: { conditions: [before] } });
  expect(condition({ pod, containers: [run('main')] }, 'Ready')?.lastTransitionTime).toBe('then');
  expect(condition({ pod }, 'Ready')?.lastTransitionTime).toBe(timestampOf(NOW_MS));
});

test('a rejected pod failed, with the reason', () => {
  const verdict = { reason: 'OutOfcpu', message: 'Pod was rejected' };
  expect(status({ sandboxes: [], verdict })).toMatchObject({ phase: 'Failed', ...verdict });
});

test('a pod on the network of its host has the address of its host', () => {
  const pod = webPod({ hostNetwork: true });
  expect(status({ pod, sandboxes: [sandbox({ ip: '' })] }).podIP).toBe(NODE_IP);
});

test('a pod that ended at once keeps the address of the sandbox that is gone', () => {
  const pod = webPod({ restartPolicy: 'Never' });
  const seen = { pod, sandboxes: [], containers: [ended('main', 0)], lastIp: '10.244.1.9' };
  expect(status(seen)).toMatchObject({ phase: 'Succeeded', podIP: '10.244.1.9' });
});

test('while its postStart hook runs, nobody counts on a container', () => {
  const seen = { containers: [run('main')], greeting: new Set(['main-0']) };
  expect(status(seen)).toMatchObject({
    phase: 'Pending',
    containerStatuses: [
      { ready: false, started: false, state: { waiting: { reason: 'ContainerCreating' } } },
    ],
  });
  expect(status({ ...seen, containers: [ended('main', 1)] }).containerStatuses).toMatchObject([
    { state: { terminated: { exitCode: 1 } } },
  ]);
});

test('what still runs keeps a pod from being over', () => {
  const pod = webPod({
    restartPolicy: 'Never',
    initContainers: [containerSpec('side', { restartPolicy: 'Always' })],
  });
  const main = ended('main', 0);
  expect(status({ pod, containers: [run('side'), main] }).phase).toBe('Running');
  expect(status({ pod, containers: [ended('side', 0), main] }).phase).toBe('Succeeded');
  const verdict = { reason: 'DeadlineExceeded', message: 'too long' };
  expect(status({ containers: [run('main')], verdict })).toMatchObject({
    phase: 'Running',
    ...verdict,
  });
});
