import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import {
  containerSpec,
  ended,
  NOW_MS,
  REF,
  run,
  sandbox,
  webPod,
} from '../../test/kubelet-builders.ts';
import { FakeClock } from '../../test/sim/fake-clock.ts';
import { PodRecord } from '../pods/record.ts';
import type { Runtime, Session } from '../runtime/runtime.ts';
import { Prober } from './prober.ts';

const probe = { exec: { command: ['check'] }, periodSeconds: 10, failureThreshold: 2 };

/** A running container whose command ends with what `code` says; undefined: it never ends. */
function setUp(code: () => number | undefined, ready = true) {
  const clock = new FakeClock(NOW_MS);
  const asked: number[] = [];
  const woken: number[] = [];
  let open = 0;
  const runtime = {
    isSimulated: false,
    nodeIp: '10.244.1.1',
    exec: async (): Promise<Session> => {
      asked.push((clock.now() - NOW_MS) / 1000);
      open++;
      const stdout = new PassThrough();
      const answer = code();
      let end: (value: number) => void = () => {};
      const exitCode = new Promise<number>((resolve) => {
        end = resolve;
      });
      if (answer !== undefined) end(answer);
      const close = () => {
        open--;
        end(-1);
      };
      return { stdout, exitCode, resize: async () => {}, close };
    },
  } as unknown as Runtime;
  const events = { normal() {}, warning() {} };
  const wake = () => void woken.push((clock.now() - NOW_MS) / 1000);
  const prober = new Prober({ runtime, clock, events, wake });
  const record = new PodRecord(REF);
  const spec = containerSpec('main', ready ? { readinessProbe: probe } : { livenessProbe: probe });
  record.pod = webPod({ containers: [spec] });
  record.sandboxes.set('sandbox-0', sandbox());
  record.addContainer(run('main', { startedAtMs: NOW_MS }));
  return {
    clock,
    asked,
    woken,
    prober,
    record,
    health: () => record.health.get('main-0'),
    open: () => open,
  };
}

test('a container is asked in the rhythm of its probe, however often its pod is synced', async () => {
  const { clock, asked, prober, record, health } = setUp(() => 0);
  for (let sync = 0; sync < 5; sync++) prober.attend(record);
  expect(health()).toEqual({ isStarted: true, isReady: false });
  await clock.advance(25_000);
  expect(asked).toEqual([0, 10, 20]);
  expect(health()).toEqual({ isStarted: true, isReady: true });
});

test('the pod is woken when something turns, not at every answer', async () => {
  const { clock, woken, prober, record } = setUp(() => 0);
  prober.attend(record);
  await clock.advance(60_000);
  expect(woken).toEqual([0]);
});

test('a container that is ending is not asked any more, however often its pod is synced', async () => {
  const { clock, asked, prober, record } = setUp(() => 1);
  prober.attend(record);
  await clock.advance(1000);
  record.endings.set('main-0', {
    sinceMs: NOW_MS,
    graceMs: 30_000,
    why: '',
    preStop: 'none',
    isSignalled: true,
    isKilled: false,
  });
  for (let sync = 0; sync < 5; sync++) {
    prober.attend(record);
    await clock.advance(10_000);
  }
  expect(asked).toEqual([0]);
});

test('a container that ended is not asked any more', async () => {
  const { clock, asked, prober, record } = setUp(() => 0);
  prober.attend(record);
  await clock.advance(1000);
  record.addContainer(ended('main', 1));
  prober.attend(record);
  await clock.advance(60_000);
  expect(asked).toEqual([0]);
});

test('liveness that fails often enough asks for a restart', async () => {
  const { clock, prober, record, health } = setUp(() => 1, false);
  prober.attend(record);
  await clock.advance(5000);
  expect(health()?.failure).toBeUndefined();
  await clock.advance(10_000);
  expect(health()?.failure).toBe('Container main failed liveness probe, will be restarted');
});

test('a command that takes too long has failed, and is let go of', async () => {
  const { clock, asked, prober, record, health, open } = setUp(() => undefined);
  prober.attend(record);
  await clock.advance(11_000);
  expect(asked).toHaveLength(2);
  expect(open()).toBe(0);
  expect(health()?.isReady).toBe(false);
});
