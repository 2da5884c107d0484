// The kubelet's promises about how pods start, fail, are healed and end, kept by a real engine
// and seen through the real kubectl. The pods are in manifests/pod-life.yaml, all made at once.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../machinery/clock.ts';
import { eventually, must, run } from './cluster.ts';
import { engineIdOf, isReady, type PodCluster, startPodCluster } from './pod-cluster.ts';

let cluster: PodCluster;

beforeAll(async () => {
  cluster = await startPodCluster('podlife', 'pod-life.yaml');
  await cluster.kubectl('wait', 'pod', '-l', 'set=runs', '--for=condition=Ready', '--timeout=60s');
});

afterAll(async () => {
  await cluster?.down();
});

const linesLeftBy = (pod: string): string[] =>
  readFileSync(join(cluster.shared, pod), 'utf8').trim().split('\n');

/** How long it takes until nothing of the pod is in the API. */
const deletionMs = async (...args: string[]): Promise<number> => {
  const startMs = systemClock.now();
  await cluster.kubectl('delete', 'pod', ...args);
  return systemClock.now() - startMs;
};

const isForgotten = (name: string) =>
  eventually(
    `no container of ${name} in the engine`,
    () => must('docker', ['ps', '-aq', '--filter', `name=_${name}_default_`]),
    (ids) => ids === '',
  );

describe.concurrent('starting', () => {
  test('init containers run in order, a sidecar is up before what follows it', async () => {
    expect(await cluster.inside('inits/main', 'cat /log/order')).toBe(
      'first\nside\nside is up\nsecond\nmain',
    );
    const { status } = await cluster.pod('inits');
    expect(status?.initContainerStatuses).toMatchObject([
      { name: 'first', ready: true, state: { terminated: { reason: 'Completed', exitCode: 0 } } },
      { name: 'side', ready: true, started: true, state: { running: {} } },
      { name: 'second', ready: true, state: { terminated: { reason: 'Completed' } } },
    ]);
    expect(await cluster.kubectl('get', 'pod', 'inits')).toMatch(/inits +2\/2 +Running +0 /);
  });

  test('a sidecar ends with the work of its pod, which is over only then', async () => {
    const { status } = await cluster.untilPod(
      'work',
      'succeeds',
      (pod) => pod.status?.phase === 'Succeeded',
    );
    expect(status?.initContainerStatuses?.[0]?.state?.terminated).toMatchObject({ exitCode: 137 });
  });

  test('an init container that fails for good fails its pod', async () => {
    const { status } = await cluster.untilPod(
      'init-fails',
      'fails',
      (pod) => pod.status?.phase === 'Failed',
    );
    expect(status).toMatchObject({
      initContainerStatuses: [{ state: { terminated: { exitCode: 9, reason: 'Error' } } }],
      containerStatuses: [{ restartCount: 0, state: { waiting: { reason: 'PodInitializing' } } }],
    });
  });

  test('a startup probe delays readiness and keeps the liveness probe away', async () => {
    const seen = await cluster.untilPod('slow-starter', 'gets ready', isReady);
    const [main] = seen.status?.containerStatuses ?? [];
    expect(main).toMatchObject({ ready: true, started: true, restartCount: 0 });
    const readyAt = seen.status?.conditions?.find(({ type }) => type === 'Ready');
    const startedAt = main?.state?.running?.startedAt ?? '';
    const delayMs = Date.parse(readyAt?.lastTransitionTime ?? '') - Date.parse(startedAt);
    expect(delayMs).toBeGreaterThanOrEqual(2000);
  });

  test('a container whose startup probe never succeeds is restarted', async () => {
    const { started } = await cluster.untilStatus(
      'non-starter',
      'restarts',
      ({ restartCount }) => restartCount >= 1,
    );
    expect(started).toBe(false);
    expect((await cluster.events('non-starter')).map(({ message }) => message)).toContain(
      'Container main failed startup probe, will be restarted',
    );
  });

  test('postStart is over before its container counts as ready', async () => {
    const { status } = await cluster.pod('greeter');
    const ready = status?.conditions?.find(({ type }) => type === 'Ready');
    const greetedSeconds = Number(await cluster.inside('greeter', 'cat /greeted'));
    expect(Date.parse(ready?.lastTransitionTime ?? '') / 1000).toBeGreaterThanOrEqual(
      greetedSeconds,
    );
  });

  test('a postStart that fails restarts its container, and an event tells why', async () => {
    await cluster.untilStatus('bad-greeter', 'restarts', (one) => one.restartCount >= 1);
    const told = await cluster.events('bad-greeter');
    expect(told.find(({ reason }) => reason === 'FailedPostStartHook')?.message).toMatch(
      /no greeting/,
    );
  });
});

describe.concurrent('what cannot start says why', () => {
  test.each([
    ['no-image', /^ImagePullBackOff$/, /127\.0\.0\.1:9.*connection refused/],
    ['odd-image', /^InvalidImageName$/, /couldn't parse image name "Not\/An:Image:Name"/],
    ['never-pulled', /^ErrImageNeverPull$/, /is not present with pull policy of Never/],
    ['root-refused', /^CreateContainerConfigError$/, /runAsNonRoot and image will run as root/],
    ['no-command', /^(RunContainerError|CrashLoopBackOff)$/, /./],
  ])('%s', async (name, reason, message) => {
    const { state } = await cluster.untilStatus(name, 'waits', ({ state: now }) =>
      reason.test(now?.waiting?.reason ?? ''),
    );
    expect(state?.waiting?.message).toMatch(message);
  });

  test('a failed pull is told by its events, first as ErrImagePull', async () => {
    const told = await eventually(
      'events of the pull',
      async () => (await cluster.events('no-image')).map(({ message }) => message ?? ''),
      (messages) => messages.includes('Error: ImagePullBackOff'),
    );
    expect(told).toContain('Error: ErrImagePull');
    expect(told).toContain('Back-off pulling image "127.0.0.1:9/no/image:1"');
  });

  test('a command that is not there ends as StartError with the engine’s words', async () => {
    const { lastState } = await cluster.untilStatus(
      'no-command',
      'was tried again',
      ({ lastState: last }) => last?.terminated !== undefined,
    );
    expect(lastState?.terminated).toMatchObject({
      exitCode: 128,
      reason: 'StartError',
      message: expect.stringMatching(/nowhere.*not found/),
    });
  });

  test('a ConfigMap that comes late heals those that waited for it', async () => {
    const { state } = await cluster.untilStatus(
      'wants-map',
      'waits',
      ({ state: now }) => now?.waiting?.reason === 'CreateContainerConfigError',
    );
    expect(state?.waiting?.message).toBe('configmap "late" not found');
    expect((await cluster.status('wants-volume')).state?.waiting?.reason).toBe('ContainerCreating');
    await cluster.kubectl('create', 'configmap', 'late', '--from-literal=a=b');
    await cluster.kubectl('wait', 'pod', '-l', 'late', '--for=condition=Ready', '--timeout=30s');
    expect(await cluster.inside('wants-map', 'echo $A')).toBe('b');
    expect(await cluster.inside('wants-volume', 'cat /late/a')).toBe('b');
  });
});

describe.concurrent('ends and restarts', () => {
  test.each([
    ['good', 'Succeeded', { exitCode: 0, reason: 'Completed' }],
    ['bad', 'Failed', { exitCode: 3, reason: 'Error', message: 'no more ink\n' }],
    ['greedy', 'Failed', { exitCode: 137, reason: 'OOMKilled' }],
  ])('%s ends as %s', async (name, phase, terminated) => {
    const { status } = await cluster.untilPod(name, 'ends', (pod) => pod.status?.phase === phase);
    expect(status?.containerStatuses?.[0]).toMatchObject({
      restartCount: 0,
      state: { terminated },
    });
    expect(status?.podIP).toMatch(/^10\./);
    const ready = status?.conditions?.find(({ type }) => type === 'Ready');
    const reason = phase === 'Succeeded' ? 'PodCompleted' : 'PodFailed';
    expect(ready).toMatchObject({ status: 'False', reason });
  });

  test('the end of the log is the last word of a container that asks for that', async () => {
    const { status } = await cluster.pod('bad');
    expect(status?.containerStatuses?.[1]?.state?.terminated).toMatchObject({
      exitCode: 4,
      message: 'last line of the log\n',
    });
  });

  test('OnFailure starts again until it ends well', async () => {
    const { status } = await cluster.untilPod(
      'second-try',
      'succeeds',
      (pod) => pod.status?.phase === 'Succeeded',
    );
    expect(status?.containerStatuses?.[0]).toMatchObject({
      restartCount: 1,
      state: { terminated: { exitCode: 0 } },
      lastState: { terminated: { exitCode: 1 } },
    });
  });

  test('a container that ends well is restarted too where the policy is Always', async () => {
    const { lastState } = await cluster.untilStatus(
      'repeater',
      'restarts',
      ({ restartCount, state }) => restartCount >= 1 && state?.waiting !== undefined,
    );
    expect(lastState?.terminated).toMatchObject({ exitCode: 0, reason: 'Completed' });
  });

  test('a pod that outstays its deadline fails', async () => {
    const { status } = await cluster.untilPod(
      'out-of-time',
      'ends',
      (pod) => pod.status?.phase === 'Failed' && !pod.status.containerStatuses?.[0]?.state?.running,
    );
    expect(status).toMatchObject({
      reason: 'DeadlineExceeded',
      message: 'Pod was active on the node longer than the specified deadline',
    });
  });

  test('a container that keeps failing waits longer each time; its last log stays', async () => {
    const inBackOff = (delay: string) =>
      cluster.untilStatus('crasher', `backs off ${delay}`, ({ state }) =>
        new RegExp(`^back-off ${delay} `).test(state?.waiting?.message ?? ''),
      );
    // The first of the two may be over by now: what came of it is seen all the same.
    const late = await inBackOff('20s');
    expect(late).toMatchObject({
      restartCount: 2,
      ready: false,
      state: { waiting: { reason: 'CrashLoopBackOff' } },
      lastState: { terminated: { exitCode: 1, reason: 'Error' } },
    });
    expect(late.state?.waiting?.message).toMatch(
      /^back-off 20s restarting failed container=main pod=crasher_default\([0-9a-f-]+\)$/,
    );
    expect(await cluster.kubectl('logs', 'crasher')).toBe('run 3\n');
    expect(await cluster.kubectl('logs', 'crasher', '--previous')).toBe('run 2\n');
    const { status } = await cluster.pod('crasher');
    expect(status?.phase).toBe('Running');
  });
});

describe.concurrent('probes', () => {
  test('readiness decides who is behind a Service', async () => {
    const endpoints = async () => {
      const text = await cluster.kubectl('get', 'endpoints', 'door', '-o', 'json');
      const [subset] = JSON.parse(text).subsets ?? [];
      return {
        ready: subset?.addresses?.length ?? 0,
        unready: subset?.notReadyAddresses?.length ?? 0,
      };
    };
    const become = (ready: number, unready: number) =>
      eventually(
        `${ready} ready, ${unready} unready`,
        endpoints,
        (now) => now.ready === ready && now.unready === unready,
      );
    await become(0, 1);
    await cluster.inside('door', 'echo open > /www/open.txt');
    await become(1, 0);
    await cluster.inside('door', 'rm /www/open.txt');
    await become(0, 1);
    expect((await cluster.status('door')).restartCount).toBe(0);
    expect((await cluster.events('door')).map(({ message }) => message)).toContain(
      'Readiness probe failed: HTTP probe failed with statuscode: 404',
    );
  });

  test('a failing liveness probe restarts the container, with the grace of the probe', async () => {
    expect((await cluster.status('fragile')).restartCount).toBe(0);
    await cluster.inside('fragile', 'touch /sick');
    const after = await cluster.untilStatus(
      'fragile',
      'is well again',
      ({ restartCount, ready }) => restartCount === 1 && ready,
    );
    expect(after.lastState?.terminated).toMatchObject({ exitCode: 137 });
    expect((await cluster.events('fragile')).map(({ message }) => message)).toContain(
      'Container main failed liveness probe, will be restarted',
    );
  });
});

describe.concurrent('healing', () => {
  test('a process killed from outside, a container and a sandbox taken away', async () => {
    const isUp = (restarts: number) => (one: { restartCount: number; ready: boolean }) =>
      one.restartCount === restarts && one.ready;
    const first = await cluster.status('victim');
    const pid = await must('docker', ['inspect', '-f', '{{.State.Pid}}', engineIdOf(first)]);
    process.kill(Number(pid), 'SIGKILL');
    const second = await cluster.untilStatus('victim', 'runs again', isUp(1));
    expect(second.lastState?.terminated).toMatchObject({ exitCode: 137, reason: 'Error' });

    // The second restart waits for its back-off of 10 s: a pod of its own does not have to.
    const taken = engineIdOf(await cluster.status('named'));
    await must('docker', ['rm', '-f', taken]);
    const healed = await cluster.untilStatus(
      'named',
      'has another container',
      (one) => one.ready && engineIdOf(one) !== taken,
    );
    expect(healed.restartCount).toBe(1);

    const before = await cluster.pod('limited');
    const uid = before.metadata.uid ?? '';
    await must('docker', ['rm', '-f', `k8s_POD_limited_default_${uid}_0`]);
    const after = await cluster.untilPod(
      'limited',
      'has another address',
      (pod) => isReady(pod) && pod.status?.podIP !== before.status?.podIP,
    );
    expect(after.status?.podIPs).toEqual([{ ip: after.status?.podIP }]);
    expect(await cluster.inside('limited', 'hostname')).toBe('limited');
  });
});

describe.concurrent('deletion', () => {
  test('preStop runs first, then the signal; the pod goes as soon as it has ended', async () => {
    expect(await deletionMs('polite')).toBeLessThan(10_000);
    expect(linesLeftBy('polite')).toEqual(['hook begins', 'hook ends', 'signal']);
    await isForgotten('polite');
  });

  test('whoever ignores the signal is killed when the grace is over, not before', async () => {
    const tookMs = await deletionMs('stubborn');
    expect(tookMs).toBeGreaterThanOrEqual(2000);
    expect(tookMs).toBeLessThan(10_000);
    await isForgotten('stubborn');
  });

  test('while its grace lasts a pod is there, Terminating; a shorter grace ends it', async () => {
    await cluster.kubectl('delete', 'pod', 'clinging', '--wait=false');
    expect(await cluster.kubectl('get', 'pod', 'clinging')).toMatch(/1\/1 +Terminating/);
    expect(await deletionMs('clinging', '--grace-period=1')).toBeLessThan(10_000);
    await isForgotten('clinging');
  });

  test('a forced deletion is done at once in the API and soon in the engine', async () => {
    const args = ['delete', 'pod', 'unwilling', '--grace-period=0', '--force'];
    const { code, stderr } = await run('kubectl', args, { env: cluster.env });
    expect(code).toBe(0);
    expect(stderr).toMatch(/Immediate deletion does not wait/);
    expect((await cluster.tryKubectl({}, 'get', 'pod', 'unwilling')).stderr).toMatch(/NotFound/);
    await isForgotten('unwilling');
  });

  test('sidecars end after those that they serve', async () => {
    await deletionMs('inits');
    expect(linesLeftBy('inits')).toEqual(['main', 'side']);
  });

  test('a pod that cannot start can be deleted', async () => {
    expect(await deletionMs('no-image', 'root-refused', 'no-command')).toBeLessThan(10_000);
  });
});

test('a kubelet that is killed twice leaves its containers as they are', async () => {
  const containers = async () => {
    const path =
      '{range .items[*]}{.metadata.name} {.status.podIP} {.status.containerStatuses[*].containerID} {.status.containerStatuses[*].restartCount}{"\\n"}{end}';
    return cluster.kubectl('get', 'pods', '-l', 'steady', '-o', `jsonpath=${path}`);
  };
  const before = await containers();
  expect(before.trim().split('\n')).toHaveLength(4);
  for (let time = 0; time < 2; time++) {
    process.kill(cluster.pidOf(cluster.kubelet), 'SIGKILL');
    await cluster.wherry('up');
    const fresh = `after-${time}`;
    await cluster.kubectl('run', fresh, '--image=wherry-shop/web:1', '--', 'sleep', '1000');
    await cluster.kubectl('wait', `pod/${fresh}`, '--for=condition=Ready', '--timeout=30s');
    expect(await containers()).toBe(before);
  }
  expect(await cluster.inside('greeter', 'ls /greeted')).toBe('/greeted');
});
