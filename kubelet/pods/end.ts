// Carries out the end of containers: hook, signal, kill. Nothing in here waits for a container;
// the engine's event of its end wakes the pod's next sync.

import { isDeleting } from '../../machinery/object.ts';
import type { Pod } from '../../proto/generated/core.v1.ts';
import type { Container } from '../runtime/runtime.ts';
import { type EndingStep, graceMsOf, planEndings } from './ending.ts';
import { runHook } from './hooks.ts';
import type { PodParts } from './parts.ts';
import type { Stop } from './plan.ts';
import type { PodRecord } from './record.ts';
import type { Ending, PodView } from './view.ts';

/** However long the others took, a sidecar gets so long for its signal. */
const SIDECAR_GRACE_MS_MIN = 2_000;

interface EndingScope {
  readonly record: PodRecord;
  readonly pod: Pod;
}

/** Starts the end of a container; later calls change nothing. */
export function beginEnding(
  parts: PodParts,
  { record, pod, container, why, graceMs = graceMsOf(pod) }: Stop & EndingScope,
): void {
  if (record.endings.has(container.id)) return;
  const nowMs = parts.clock.now();
  record.endings.set(container.id, {
    sinceMs: nowMs,
    graceMs: isDeleting(pod) ? graceLeftMs(record, pod, nowMs) : graceMs,
    why,
    preStop: 'none',
    isSignalled: false,
    isKilled: false,
  });
  const about = { pod, container: container.name };
  parts.events.normal(about, 'Killing', why);
}

/** The grace of a deleted pod is for all of it: sidecars, which end last, share what is left. */
function graceLeftMs({ endings, containers }: PodRecord, pod: Pod, nowMs: number): number {
  const graceMs = graceMsOf(pod);
  const ended = [...endings].filter(([id]) => !isRunning(containers.get(id)));
  const firstMs = Math.min(nowMs, ...ended.map(([, { sinceMs }]) => sinceMs));
  return Math.min(graceMs, Math.max(SIDECAR_GRACE_MS_MIN, firstMs + graceMs - nowMs));
}

const isRunning = (container: Container | undefined): boolean => container?.state === 'running';

export async function actOnEndings(
  parts: PodParts,
  record: PodRecord,
  view: PodView,
): Promise<void> {
  const { steps, wakeAtMs } = planEndings(view);
  await Promise.all(steps.map((step) => act(parts, { record, view }, step)));
  if (wakeAtMs !== undefined) parts.wake(record.ref.uid, wakeAtMs - view.nowMs);
  // What was just signalled has a deadline now, which only the next sync can see.
  if (steps.length > 0) parts.wake(record.ref.uid);
}

async function act(
  parts: PodParts,
  { record, view }: { readonly record: PodRecord; readonly view: PodView },
  step: EndingStep,
): Promise<void> {
  const { id } = step.container;
  switch (step.type) {
    case 'preStop':
      change(record, id, { preStop: 'running' });
      void runPreStop(parts, { record, view }, step);
      return;
    case 'signal':
      await parts.runtime.signalContainer(id, step.signal);
      change(record, id, { isSignalled: true, signalledMs: parts.clock.now() });
      return;
    case 'kill':
      await parts.runtime.signalContainer(id, 'SIGKILL');
      change(record, id, { isKilled: true, isSignalled: true });
  }
}

function change(record: PodRecord, id: string, to: Partial<Ending>): void {
  const ending = record.endings.get(id);
  if (ending) record.endings.set(id, { ...ending, ...to });
}

async function runPreStop(
  parts: PodParts,
  { record, view }: { readonly record: PodRecord; readonly view: PodView },
  { container, spec }: Extract<EndingStep, { type: 'preStop' }>,
): Promise<void> {
  const hook = spec.lifecycle?.preStop;
  const podIp = record.ipOf(container, view.nodeIp);
  try {
    if (hook) await runHook(parts, hook, { spec, container, podIp });
  } catch (error) {
    const about = { pod: view.pod, container: spec.name };
    const message = `PreStopHook failed: ${error instanceof Error ? error.message : error}`;
    parts.events.warning(about, 'FailedPreStopHook', message);
  }
  change(record, container.id, { preStop: 'done' });
  parts.wake(record.ref.uid);
}
