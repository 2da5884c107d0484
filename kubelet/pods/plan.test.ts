import { expect, test } from 'vitest';
import {
  containerSpec,
  ended,
  NOW_MS,
  run,
  sandbox,
  view,
  webPod,
} from '../../test/kubelet-builders.ts';
import { type PodPlan, planPod } from './plan.ts';
import type { PodView } from './view.ts';

const plan = (rest: Partial<PodView>): PodPlan => planPod(view(rest));
const started = (rest: Partial<PodView>): string[] =>
  plan(rest).start.map(({ spec, attempt }) => `${spec.name}#${attempt}`);

const withInits = webPod({
  initContainers: [
    containerSpec('first'),
    containerSpec('side', { restartPolicy: 'Always' }),
    containerSpec('second'),
  ],
});

test('a new pod needs a sandbox before anything else', () => {
  const { newSandbox, start } = plan({ sandboxes: [] });
  expect(newSandbox).toBe(0);
  expect(start).toEqual([]);
});

test('with its sandbox, all containers of a plain pod start together', () => {
  const pod = webPod({ containers: [containerSpec('a'), containerSpec('b')] });
  expect(started({ pod })).toEqual(['a#0', 'b#0']);
});

test('a pod that runs as it should is left alone', () => {
  const { newSandbox, start, stop, remove, waiting } = plan({ containers: [run('main')] });
  expect({ newSandbox, start, stop, remove, waiting: waiting.size }).toEqual({
    newSandbox: undefined,
    start: [],
    stop: [],
    remove: [],
    waiting: 0,
  });
});

test('init containers run one by one, and a sidecar only has to be up', () => {
  const pod = withInits;
  expect(started({ pod })).toEqual(['first#0']);
  expect(started({ pod, containers: [run('first')] })).toEqual([]);
  expect(started({ pod, containers: [ended('first', 0)] })).toEqual(['side#0']);
  const up = [ended('first', 0), run('side')];
  expect(started({ pod, containers: up })).toEqual(['second#0']);
  expect(started({ pod, containers: [...up, ended('second', 0)] })).toEqual(['main#0']);
});

test('a sidecar whose startup probe has yet to succeed holds up the rest', () => {
  const side = containerSpec('side', {
    restartPolicy: 'Always',
    startupProbe: { exec: { command: ['true'] } },
  });
  const pod = webPod({ initContainers: [side] });
  expect(started({ pod, containers: [run('side')] })).toEqual([]);
  const health = new Map([['side-0', { isStarted: true, isReady: true }]]);
  expect(started({ pod, containers: [run('side')], health })).toEqual(['main#0']);
});

test('once a container has started, ended init containers stay ended and sidecars come back', () => {
  const containers = [ended('first', 0), ended('side', 1), ended('second', 0), run('main')];
  expect(started({ pod: withInits, containers })).toEqual(['side#1']);
});

test('an ended container comes back as its restart policy says', () => {
  const restarts = (restartPolicy: 'Always' | 'OnFailure' | 'Never', code: number) =>
    started({ pod: webPod({ restartPolicy }), containers: [ended('main', code)] });
  expect(restarts('Always', 0)).toEqual(['main#1']);
  expect(restarts('OnFailure', 1)).toEqual(['main#1']);
  expect(restarts('OnFailure', 0)).toEqual([]);
  expect(restarts('Never', 1)).toEqual([]);
});

test('a container that keeps ending waits, says so, and wakes the pod in time', () => {
  const crashes = new Map([['main', { delayMs: 20_000, updatedMs: NOW_MS - 5000 }]]);
  const { start, waiting, wakeAtMs } = plan({ containers: [ended('main', 1)], crashes });
  expect(start).toEqual([]);
  expect(wakeAtMs).toBe(NOW_MS - 1000 + 20_000);
  expect(waiting.get('main')).toEqual({
    reason: 'CrashLoopBackOff',
    message: 'back-off 20s restarting failed container=main pod=web_default(uid-1)',
  });
});

test('a dead sandbox takes its containers with it before a new one is made', () => {
  const dead = sandbox({ isRunning: false });
  const first = plan({ sandboxes: [dead], containers: [run('main')] });
  expect(first.stop.map(({ container }) => container.id)).toEqual(['main-0']);
  expect(first.newSandbox).toBeUndefined();

  const containers = [ended('main', 137)];
  const second = plan({ sandboxes: [dead], containers });
  expect(second.newSandbox).toBe(1);
  expect(second.removeSandboxes).toEqual([dead]);

  const fresh = sandbox({ id: 'sandbox-1', attempt: 1 });
  expect(started({ sandboxes: [dead, fresh], containers })).toEqual(['main#1']);
});

test('in a new sandbox init containers run again', () => {
  const fresh = sandbox({ id: 'sandbox-1', attempt: 1 });
  const containers = [ended('first', 0), ended('main', 137)];
  expect(started({ pod: withInits, sandboxes: [fresh], containers })).toEqual(['first#1']);
});

test('a pod that never restarts gets no second sandbox once its containers ran', () => {
  const pod = webPod({ restartPolicy: 'Never' });
  const dead = sandbox({ isRunning: false });
  const { newSandbox, stop } = plan({ pod, sandboxes: [dead], containers: [run('main')] });
  expect(newSandbox).toBeUndefined();
  expect(stop).toHaveLength(1);
});

test('a finished pod gives its sandbox back and keeps its containers for their logs', () => {
  const pod = webPod({ restartPolicy: 'Never' });
  const { isFinished, removeSandboxes, remove } = plan({ pod, containers: [ended('main', 0)] });
  expect(isFinished).toBe(true);
  expect(removeSandboxes).toHaveLength(1);
  expect(remove).toEqual([]);
});

test('a rejected pod gets nothing', () => {
  const verdict = { reason: 'OutOfcpu', message: 'no' };
  const { newSandbox, start } = plan({ sandboxes: [], verdict });
  expect({ newSandbox, start }).toEqual({ newSandbox: undefined, start: [] });
});

test('a container with another image than wanted, or a failing probe, is stopped', () => {
  const other = plan({ containers: [run('main', { image: 'old:1' })] });
  expect(other.stop.map(({ why }) => why)).toEqual([
    'Container main definition changed, will be restarted',
  ]);
  const health = new Map([['main-0', { isStarted: true, isReady: false, failure: 'sick' }]]);
  expect(plan({ containers: [run('main')], health }).stop.map(({ why }) => why)).toEqual(['sick']);
});

test('the last two runs are kept for logs, older ones go', () => {
  const containers = [
    run('main', { attempt: 3 }),
    ...[0, 1, 2].map((n) => ended('main', 1, { attempt: n })),
  ];
  expect(plan({ containers }).remove.map(({ attempt }) => attempt)).toEqual([1, 0]);
});

test('a container that was made but never started is made again, under the same number', () => {
  const half = run('main', { state: 'created' });
  const { remove, start } = plan({ containers: [half] });
  expect(remove).toEqual([half]);
  expect(start.map(({ attempt }) => attempt)).toEqual([0]);
});

test('a container that could not start counts as a run', () => {
  const failed = run('main', { state: 'created', error: 'no such file' });
  expect(started({ containers: [failed] })).toEqual(['main#1']);
});

test('restarts go on counting where the API remembers more than the node', () => {
  const status = {
    name: 'main',
    ready: false,
    restartCount: 4,
    image: '',
    imageID: '',
    containerID: 'docker://gone',
  };
  const pod = webPod({}, { status: { containerStatuses: [status] } });
  expect(started({ pod })).toEqual(['main#5']);
});
