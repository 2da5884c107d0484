// Asks running containers how they are, each probe in its own rhythm, and wakes the pod's worker
// when an answer turns something. One watcher a container; it ends with the container.

import type { Clock } from '../../machinery/clock.ts';
import { deepEqual } from '../../machinery/equality.ts';
import type { Container as ContainerSpec, Pod, Probe } from '../../proto/generated/core.v1.ts';
import { Gate } from '../gate.ts';
import { type ActionAnswer, dial, execIn, httpGet, within } from '../pods/hooks.ts';
import type { PodEvents } from '../pods/parts.ts';
import type { PodRecord } from '../pods/record.ts';
import { isRunning } from '../pods/view.ts';
import type { Container, Runtime } from '../runtime/runtime.ts';
import { checkGrpc } from './grpc-check.ts';
import {
  afterAnswer,
  healthOf,
  PROBES,
  type ProbeKind,
  type ProbeStates,
  probeOf,
  UNDECIDED,
} from './probe-state.ts';

const PERIOD_SECONDS = 10;
const TIMEOUT_SECONDS = 1;
/** At once: each costs the engine 65 ms of work, which pods need to start. */
const EXECS_MAX = 4;

export interface ProberOptions {
  readonly runtime: Runtime;
  readonly clock: Clock;
  readonly events: PodEvents;
  readonly wake: (podUid: string) => void;
}

interface Watch {
  readonly record: PodRecord;
  readonly spec: ContainerSpec;
  readonly id: string;
  states: ProbeStates;
  readonly cancels: Set<() => void>;
}

export class Prober {
  readonly #options: ProberOptions;
  /** By container id. */
  readonly #watches = new Map<string, Watch>();
  readonly #execs = new Gate(EXECS_MAX);

  constructor(options: ProberOptions) {
    this.#options = options;
  }

  /** Starts and ends watches so that they fit the pod's containers. Cheap when nothing changed. */
  attend(record: PodRecord): void {
    const { pod } = record;
    for (const watch of this.#watches.values()) {
      if (watch.record === record && !isAlive(record, watch.id)) this.#stop(watch);
    }
    if (!pod) return;
    const specs = [...(pod.spec.initContainers ?? []), ...pod.spec.containers];
    for (const container of record.containers.values()) {
      if (!isAlive(record, container.id) || this.#watches.has(container.id)) continue;
      if (record.greeting.has(container.id)) continue; // Its hook may have the last word on it.
      const spec = specs.find(({ name }) => name === container.name);
      if (spec && PROBES.some((kind) => probeOf(spec, kind))) this.#start(record, spec, container);
    }
  }

  close(): void {
    for (const watch of [...this.#watches.values()]) this.#stop(watch);
  }

  #start(record: PodRecord, spec: ContainerSpec, container: Container): void {
    const states = statesToldOf(record.pod, container);
    const watch: Watch = { record, spec, id: container.id, states, cancels: new Set() };
    this.#watches.set(container.id, watch);
    if (this.#options.runtime.isSimulated) {
      record.health.set(container.id, { isStarted: true, isReady: true });
      this.#options.wake(record.ref.uid);
      return;
    }
    record.health.set(container.id, healthOf(spec, states));
    for (const kind of PROBES) {
      const probe = probeOf(spec, kind);
      if (!probe) continue;
      const startedMs = container.startedAtMs ?? this.#options.clock.now();
      const dueMs = startedMs + (probe.initialDelaySeconds ?? 0) * 1000;
      this.#schedule(watch, kind, Math.max(0, dueMs - this.#options.clock.now()));
    }
  }

  #stop(watch: Watch): void {
    for (const cancel of watch.cancels) cancel();
    this.#watches.delete(watch.id);
  }

  #schedule(watch: Watch, kind: ProbeKind, delayMs: number): void {
    const cancel = this.#options.clock.after(delayMs, () => {
      watch.cancels.delete(cancel);
      void this.#ask(watch, kind);
    });
    watch.cancels.add(cancel);
  }

  async #ask(watch: Watch, kind: ProbeKind): Promise<void> {
    const probe = probeOf(watch.spec, kind);
    const isOver = kind === 'startup' && watch.states.startup.isOk === true;
    if (!probe || isOver || !this.#watches.has(watch.id)) return;
    const waitsForStart = kind !== 'startup' && watch.spec.startupProbe !== undefined;
    if (!waitsForStart || watch.states.startup.isOk === true) {
      const answer = await this.#answerOf(watch, probe);
      if (!this.#watches.has(watch.id)) return;
      this.#take(watch, { kind, probe, answer });
    }
    this.#schedule(watch, kind, (probe.periodSeconds ?? PERIOD_SECONDS) * 1000);
  }

  #take(
    watch: Watch,
    { kind, probe, answer }: { kind: ProbeKind; probe: Probe; answer: ActionAnswer },
  ): void {
    const { record, spec } = watch;
    watch.states = { ...watch.states, [kind]: afterAnswer(watch.states[kind], probe, answer.isOk) };
    if (!answer.isOk && record.pod) {
      const name = kind.charAt(0).toUpperCase() + kind.slice(1);
      const message = `${name} probe failed: ${answer.output}`;
      const about = { pod: record.pod, container: spec.name };
      this.#options.events.warning(about, 'Unhealthy', message);
    }
    const health = healthOf(spec, watch.states);
    if (deepEqual(record.health.get(watch.id), health)) return;
    record.health.set(watch.id, health);
    this.#options.wake(record.ref.uid);
  }

  async #answerOf({ record, spec, id }: Watch, probe: Probe): Promise<ActionAnswer> {
    const container = record.containers.get(id);
    if (!container) return { isOk: false, output: 'the container is gone' };
    const { runtime, clock } = this.#options;
    const podIp = record.ipOf(container, runtime.nodeIp);
    if (podIp === '' && !probe.exec) return { isOk: false, output: 'the pod has no network' };
    const subject = { spec, container, podIp };
    const limitMs = (probe.timeoutSeconds ?? TIMEOUT_SECONDS) * 1000;
    try {
      const { exec } = probe;
      if (exec) {
        // The time to wait for its turn is not the time that the command takes.
        return await this.#execs.pass(() =>
          within(clock, limitMs, (signal) => execIn(runtime, id, exec, signal)),
        );
      }
      return await within(clock, limitMs, async (signal) => {
        if (probe.httpGet) return httpGet(probe.httpGet, subject, signal);
        if (probe.tcpSocket) return dial(probe.tcpSocket, subject, signal);
        if (probe.grpc) return checkGrpc(probe.grpc, podIp, signal);
        return { isOk: true, output: '' };
      });
    } catch (error) {
      return { isOk: false, output: error instanceof Error ? error.message : String(error) };
    }
  }
}

const isAlive = (record: PodRecord, id: string): boolean => {
  const container = record.containers.get(id);
  return container !== undefined && isRunning(container) && !record.endings.has(id);
};

/** A restarted kubelet believes what it said before, until a probe says otherwise. */
function statesToldOf(pod: Pod | undefined, container: Container): ProbeStates {
  const { containerStatuses = [], initContainerStatuses = [] } = pod?.status ?? {};
  const told = [...containerStatuses, ...initContainerStatuses].find(
    ({ containerID }) => containerID === `docker://${container.id}`,
  );
  const state = (isOk: boolean | undefined) => (isOk ? { ...UNDECIDED, isOk } : UNDECIDED);
  return {
    startup: state(told?.started),
    liveness: UNDECIDED,
    readiness: state(told?.ready),
  };
}
