import { expect, test } from 'vitest';
import { containerSpec } from '../../test/kubelet-builders.ts';
import { afterAnswer, healthOf, type ProbeState, UNDECIDED } from './probe-state.ts';

const after = (answers: readonly boolean[], thresholds = {}): boolean | undefined =>
  answers.reduce<ProbeState>(
    (state, isOk) => afterAnswer(state, { tcpSocket: { port: 1 }, ...thresholds }, isOk),
    UNDECIDED,
  ).isOk;

test('one success is enough, three failures in a row are too many', () => {
  expect(after([true])).toBe(true);
  expect(after([false, false])).toBeUndefined();
  expect(after([true, false, false])).toBe(true);
  expect(after([true, false, false, false])).toBe(false);
  expect(after([false, false, true, false, false])).toBe(true);
  expect(after([true, true], { successThreshold: 3 })).toBeUndefined();
});

const states = (rest: Partial<Record<'startup' | 'liveness' | 'readiness', boolean>>) => {
  const of = (isOk: boolean | undefined): ProbeState => ({
    ...UNDECIDED,
    ...(isOk !== undefined && { isOk }),
  });
  return {
    startup: of(rest.startup),
    liveness: of(rest.liveness),
    readiness: of(rest.readiness),
  };
};
const probe = { tcpSocket: { port: 1 } };
const spec = containerSpec('main', {
  startupProbe: probe,
  livenessProbe: probe,
  readinessProbe: probe,
});

test('until it has started, a container is not ready', () => {
  expect(healthOf(spec, states({ readiness: true }))).toEqual({ isStarted: false, isReady: false });
  expect(healthOf(spec, states({ startup: true, readiness: true }))).toEqual({
    isStarted: true,
    isReady: true,
  });
});

test('failed startup and liveness probes ask for a restart, failed readiness does not', () => {
  expect(healthOf(spec, states({ startup: false })).failure).toBe(
    'Container main failed startup probe, will be restarted',
  );
  expect(healthOf(spec, states({ startup: true, liveness: false })).failure).toBe(
    'Container main failed liveness probe, will be restarted',
  );
  expect(healthOf(spec, states({ startup: true, readiness: false })).failure).toBeUndefined();
});

test('a probe with a grace of its own gives it to the restart', () => {
  const liveness = { ...spec, livenessProbe: { terminationGracePeriodSeconds: 2 } };
  expect(healthOf(liveness, states({ startup: true, liveness: false })).graceMs).toBe(2000);
  expect(healthOf(liveness, states({ startup: false })).graceMs).toBeUndefined();
});
