// What a probe's answers amount to: so many successes or failures in a row turn the state. Pure.

import type { Container, Probe } from '../../proto/generated/core.v1.ts';
import type { Health } from '../pods/view.ts';

export const PROBES = ['startup', 'liveness', 'readiness'] as const;
export type ProbeKind = (typeof PROBES)[number];

export interface ProbeState {
  /** Undefined: not decided yet. */
  readonly isOk: boolean | undefined;
  readonly row: { readonly isOk: boolean; readonly length: number };
}

export const UNDECIDED: ProbeState = { isOk: undefined, row: { isOk: false, length: 0 } };

const SUCCESSES = 1;
const FAILURES = 3;

export function afterAnswer(state: ProbeState, probe: Probe, isOk: boolean): ProbeState {
  const length = state.row.isOk === isOk ? state.row.length + 1 : 1;
  const row = { isOk, length };
  const threshold = isOk
    ? (probe.successThreshold ?? SUCCESSES)
    : (probe.failureThreshold ?? FAILURES);
  return { isOk: length >= threshold ? isOk : state.isOk, row };
}

export const probeOf = (spec: Container, kind: ProbeKind): Probe | undefined =>
  ({
    startup: spec.startupProbe,
    liveness: spec.livenessProbe,
    readiness: spec.readinessProbe,
  })[kind];

export type ProbeStates = Readonly<Record<ProbeKind, ProbeState>>;

/** Until the startup probe succeeds nothing else counts; readiness starts as no, liveness as yes. */
export function healthOf(spec: Container, states: ProbeStates): Health {
  const isStarted = spec.startupProbe === undefined || states.startup.isOk === true;
  const failing = (['startup', 'liveness'] as const).find(
    (kind) => probeOf(spec, kind) !== undefined && states[kind].isOk === false,
  );
  const graceSeconds = failing && probeOf(spec, failing)?.terminationGracePeriodSeconds;
  return {
    isStarted,
    isReady: isStarted && (spec.readinessProbe === undefined || states.readiness.isOk === true),
    ...(failing && {
      failure: `Container ${spec.name} failed ${failing} probe, will be restarted`,
    }),
    ...(graceSeconds !== undefined && { graceMs: graceSeconds * 1000 }),
  };
}
