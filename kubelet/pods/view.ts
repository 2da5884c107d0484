// What one sync of a pod sees: the pod as the API has it, and what is on this node of it. The
// plans and the status are pure functions of this.

import type { Container as ContainerSpec, Pod } from '../../proto/generated/core.v1.ts';
import type { Container, Sandbox } from '../runtime/runtime.ts';
import type { CrashBackOff } from './back-off.ts';

export interface Waiting {
  readonly reason: string;
  readonly message?: string;
}

/** What probes found out about one container (by id); absent: its probes have yet to run. */
export interface Health {
  readonly isStarted: boolean;
  readonly isReady: boolean;
  /** Why it must be restarted. */
  readonly failure?: string;
  /** Grace for that restart, where the probe has its own. */
  readonly graceMs?: number;
}

/** The node said no, or the pod ran out of time: it is over, whatever its containers say. */
export interface Verdict {
  readonly reason: string;
  readonly message: string;
}

/** A container on its way out. */
export interface Ending {
  readonly sinceMs: number;
  readonly graceMs: number;
  readonly why: string;
  readonly preStop: 'none' | 'running' | 'done';
  readonly isSignalled: boolean;
  readonly signalledMs?: number;
  readonly isKilled: boolean;
}

export interface PodView {
  readonly pod: Pod;
  readonly nowMs: number;
  readonly nodeIp: string;
  /** Of the last sandbox that this kubelet made; '' when it made none. */
  readonly lastIp: string;
  readonly sandboxes: readonly Sandbox[];
  readonly containers: readonly Container[];
  readonly crashes: ReadonlyMap<string, CrashBackOff>;
  /** By container name: why it is not running although it should be. */
  readonly waiting: ReadonlyMap<string, Waiting>;
  /** By container id. */
  readonly health: ReadonlyMap<string, Health>;
  /** By container id. */
  readonly endings: ReadonlyMap<string, Ending>;
  /** By container id: its postStart hook still runs, so nobody may count on it yet. */
  readonly greeting: ReadonlySet<string>;
  /** By container id: what the container wrote as its last words. */
  readonly lastWords: ReadonlyMap<string, string>;
  readonly verdict?: Verdict | undefined;
}

export const isSidecar = (spec: ContainerSpec): boolean => spec.restartPolicy === 'Always';

export const initSpecsOf = (pod: Pod): readonly ContainerSpec[] => pod.spec.initContainers ?? [];

export const liveSandboxOf = ({ sandboxes }: Pick<PodView, 'sandboxes'>): Sandbox | undefined =>
  sandboxes.filter((sandbox) => sandbox.isRunning).toSorted((a, b) => b.attempt - a.attempt)[0];

/** All runs of the named container, the newest first. */
export const runsOf = ({ containers }: Pick<PodView, 'containers'>, name: string): Container[] =>
  containers.filter((one) => one.name === name).toSorted((a, b) => b.attempt - a.attempt);

/** It ran and ended, or the engine could not start it. */
export const hasEnded = (container: Container): boolean =>
  container.state === 'exited' || (container.state === 'created' && container.error !== undefined);

export const hasSucceeded = (container: Container): boolean =>
  container.state === 'exited' && container.exitCode === 0;

export const isRunning = (container: Container): boolean => container.state === 'running';

/** A container without a startup probe has started as soon as it runs. */
export function isStarted(view: PodView, spec: ContainerSpec, container: Container): boolean {
  if (!isRunning(container) || view.greeting.has(container.id)) return false;
  return view.health.get(container.id)?.isStarted ?? spec.startupProbe === undefined;
}

export function isReady(view: PodView, spec: ContainerSpec, container: Container): boolean {
  if (!isStarted(view, spec, container)) return false;
  return view.health.get(container.id)?.isReady ?? spec.readinessProbe === undefined;
}
