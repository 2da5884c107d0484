import { expect, test } from 'vitest';
import { containerSpec, ended, NOW_MS, run, view, webPod } from '../../test/kubelet-builders.ts';
import { dueToEnd, planEndings } from './ending.ts';
import type { Ending, PodView } from './view.ts';

const ending = (rest: Partial<Ending> = {}): Ending => ({
  sinceMs: NOW_MS,
  graceMs: 30_000,
  why: '',
  preStop: 'none',
  isSignalled: false,
  isKilled: false,
  ...rest,
});

const plan = (one: Ending, rest: Partial<PodView> = {}) =>
  planEndings(view({ containers: [run('main')], endings: new Map([['main-0', one]]), ...rest }));

const withHook = webPod({
  containers: [containerSpec('main', { lifecycle: { preStop: { sleep: { seconds: 5 } } } })],
});

test('a container is asked, waited for, and killed when its grace is over', () => {
  expect(plan(ending()).steps).toMatchObject([{ type: 'signal', signal: 'SIGTERM' }]);
  const asked = ending({ isSignalled: true });
  expect(plan(asked)).toEqual({ steps: [], wakeAtMs: NOW_MS + 30_000 });
  expect(plan(asked, { nowMs: NOW_MS + 30_000 }).steps).toMatchObject([{ type: 'kill' }]);
  expect(plan(ending({ isSignalled: true, isKilled: true }))).toEqual({ steps: [] });
});

test('without grace a container is killed at once', () => {
  expect(plan(ending({ graceMs: 0 })).steps).toMatchObject([{ type: 'kill' }]);
});

test('the hook comes before the signal, and does not outlast the grace', () => {
  expect(plan(ending(), { pod: withHook }).steps).toMatchObject([{ type: 'preStop' }]);
  const hooked = ending({ preStop: 'running' });
  expect(plan(hooked, { pod: withHook })).toEqual({ steps: [], wakeAtMs: NOW_MS + 30_000 });
  const late = plan(hooked, { pod: withHook, nowMs: NOW_MS + 30_000 });
  expect(late.steps).toMatchObject([{ type: 'signal' }]);
  const done = ending({ preStop: 'done' });
  expect(plan(done, { pod: withHook }).steps).toMatchObject([{ type: 'signal' }]);
});

test('after a slow hook the signal still gets its two seconds, after a quick one no more than the grace', () => {
  const signalled = (atMs: number) =>
    plan(ending({ preStop: 'done', isSignalled: true, signalledMs: NOW_MS + atMs }), {
      pod: withHook,
    });
  expect(signalled(5_000).wakeAtMs).toBe(NOW_MS + 30_000);
  expect(signalled(30_000).wakeAtMs).toBe(NOW_MS + 32_000);
});

test('a later delete with a shorter grace counts', () => {
  const metadata = { name: 'web', deletionTimestamp: 'now', deletionGracePeriodSeconds: 1 };
  const pod = webPod({}, { metadata });
  const asked = ending({ isSignalled: true });
  expect(plan(asked, { pod })).toEqual({ steps: [], wakeAtMs: NOW_MS + 1000 });
});

test('an ended container needs no more', () => {
  expect(plan(ending(), { containers: [ended('main', 0)] })).toEqual({ steps: [] });
});

test('sidecars end after the containers, the last one first', () => {
  const side = (name: string) => containerSpec(name, { restartPolicy: 'Always' });
  const pod = webPod({ initContainers: [side('s1'), side('s2')] });
  const due = (...containers: ReturnType<typeof run>[]) =>
    dueToEnd(view({ pod, containers })).map(({ name }) => name);
  expect(due(run('s1'), run('s2'), run('main'))).toEqual(['main']);
  expect(due(run('s1'), run('s2'), ended('main', 0))).toEqual(['s2']);
  expect(due(run('s1'), ended('s2', 0), ended('main', 0))).toEqual(['s1']);
});
