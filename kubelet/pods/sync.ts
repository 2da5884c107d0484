// One sync of one pod: observe → plan → act → report, right from any starting state.
//
//   gone from the API ─► clean up        deletionTimestamp ─► end, report, release
//   else ─► admit ─► { plan, act } until nothing is left to do now ─► report

import { hasReason } from '../../machinery/errors.ts';
import { isDeleting } from '../../machinery/object.ts';
import type { Pod } from '../../proto/generated/core.v1.ts';
import { PODS } from '../../proto/generated/resources.ts';
import { VolumeError } from '../volumes/volumes.ts';
import { planAdmission } from './admission.ts';
import { actOnEndings, beginEnding } from './end.ts';
import { dueToEnd } from './ending.ts';
import type { PodParts } from './parts.ts';
import { isTerminal } from './phase.ts';
import { type PodPlan, planPod } from './plan.ts';
import { acquireReferences, makeSandbox, prepareFiles } from './prepare.ts';
import type { PodRecord } from './record.ts';
import type { Records } from './records.ts';
import { report } from './report.ts';
import { startContainer } from './start.ts';
import { statusOf } from './status.ts';
import { isRunning, liveSandboxOf, type PodView } from './view.ts';

/** Sandbox, then each init container that ends at once, then the rest: more rounds are a bug. */
const ROUNDS_MAX = 16;
const RETRY_FILES_MS = 10_000;

export class PodSync {
  readonly #parts: PodParts;
  readonly #records: Records;

  constructor(parts: PodParts, records: Records) {
    this.#parts = parts;
    this.#records = records;
  }

  async reconcile(uid: string): Promise<void> {
    const record = this.#records.get(uid);
    if (!record) return;
    if (!record.pod) return this.#cleanUp(record);
    if (isDeleting(record.pod)) return this.#terminate(record, record.pod);
    this.#admit(record, record.pod);
    this.#watchDeadline(record, record.pod);
    let failure: unknown;
    try {
      await this.#run(record);
    } catch (error) {
      failure = error; // The status tells as much as is true, then the queue tries again.
    }
    await this.#report(record);
    if (failure !== undefined) throw failure;
  }

  async #report(record: PodRecord): Promise<void> {
    if (!record.pod) return;
    try {
      await report(this.#parts.transport, record, statusOf(this.#view(record, record.pod)));
    } catch (error) {
      // Gone, or replaced by a namesake: the watch will tell, and the next sync cleans up.
      if (!hasReason(error, 'NotFound', 'Conflict')) throw error;
    }
  }

  #view(record: PodRecord, pod: Pod): PodView {
    return record.view(pod, this.#parts.clock.now(), this.#parts.runtime.nodeIp);
  }

  #admit(record: PodRecord, pod: Pod): void {
    if (record.isAdmitted || record.verdict || isTerminal(pod.status?.phase)) return;
    // Whoever runs here already was let in by a former run of this kubelet.
    const wasHere = pod.status?.startTime !== undefined || record.containers.size > 0;
    const verdict = wasHere ? undefined : this.#admissionOf(record, pod);
    if (!verdict) {
      record.isAdmitted = true;
      return;
    }
    record.verdict = verdict;
    this.#parts.events.warning({ pod }, verdict.reason, verdict.message);
  }

  #admissionOf(record: PodRecord, pod: Pod) {
    const others: Pod[] = [];
    for (const other of this.#records.all()) {
      const isActive = other.isAdmitted && other.pod && !isTerminal(other.pod.status?.phase);
      if (isActive && other !== record && other.pod) others.push(other.pod);
    }
    return planAdmission(pod, others, this.#parts.allocatable);
  }

  #watchDeadline(record: PodRecord, pod: Pod): void {
    const { spec, status } = pod;
    const { activeDeadlineSeconds } = spec;
    if (activeDeadlineSeconds === undefined || status?.startTime === undefined) return;
    if (isTerminal(status.phase)) return;
    const leftMs =
      Date.parse(status.startTime) + activeDeadlineSeconds * 1000 - this.#parts.clock.now();
    if (leftMs > 0) {
      this.#parts.wake(record.ref.uid, leftMs);
      return;
    }
    if (record.verdict) return;
    record.verdict = {
      reason: 'DeadlineExceeded',
      message: 'Pod was active on the node longer than the specified deadline',
    };
    this.#parts.events.normal({ pod }, record.verdict.reason, record.verdict.message);
  }

  async #run(record: PodRecord): Promise<void> {
    for (let round = 0; round < ROUNDS_MAX; round++) {
      const { pod } = record;
      if (!pod) return;
      const view = this.#view(record, pod);
      const plan = planPod(view);
      this.#hold(record, pod, plan);
      for (const stop of plan.stop) beginEnding(this.#parts, { record, pod, ...stop });
      const isFurther = await this.#act(record, pod, plan);
      if (!isFurther) break;
    }
    if (!record.pod) return;
    await actOnEndings(this.#parts, record, this.#view(record, record.pod));
  }

  /** Answers whether there may be more to do now. */
  async #act(record: PodRecord, pod: Pod, plan: PodPlan): Promise<boolean> {
    let isFurther = false;
    if (plan.newSandbox !== undefined) {
      await this.#makeSandbox(record, pod, plan.newSandbox);
      isFurther = true;
    }
    const sandbox = liveSandboxOf(this.#view(record, pod));
    if (sandbox && !plan.isFinished && !(await this.#prepare(record, pod))) return false;
    if (sandbox && plan.start.length > 0) {
      const scope = { parts: this.#parts, record, pod, sandbox };
      const started = await Promise.all(plan.start.map((start) => startContainer(scope, start)));
      isFurther ||= started.includes(true);
    }
    await this.#tidy(record, plan);
    return isFurther;
  }

  async #makeSandbox(record: PodRecord, pod: Pod, attempt: number): Promise<void> {
    try {
      const [sandbox] = await Promise.all([
        makeSandbox(this.#parts, pod, attempt),
        acquireReferences(this.#parts, pod),
      ]);
      record.sandboxes.set(sandbox.id, sandbox);
      record.lastIp = pod.spec.hostNetwork ? this.#parts.runtime.nodeIp : sandbox.ip;
      record.areFilesFresh = false;
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      const message = `Failed to create pod sandbox: ${why}`;
      this.#parts.events.warning({ pod }, 'FailedCreatePodSandBox', message);
      throw error;
    }
  }

  /** Answers whether containers may start. */
  async #prepare(record: PodRecord, pod: Pod): Promise<boolean> {
    const refreshMs = this.#parts.volumes.refreshMs(record.ref.uid);
    if (refreshMs !== undefined) {
      const leftMs = refreshMs - this.#parts.clock.now();
      if (leftMs <= 0) record.areFilesFresh = false;
      else this.#parts.wake(record.ref.uid, leftMs);
    }
    if (record.areFilesFresh) return true;
    const sandbox = liveSandboxOf(this.#view(record, pod));
    try {
      await acquireReferences(this.#parts, pod);
      record.areFilesFresh = true; // Before writing: a change meanwhile makes them stale again.
      await prepareFiles(this.#parts, pod, sandbox?.ip || this.#parts.runtime.nodeIp);
      return true;
    } catch (error) {
      record.areFilesFresh = false;
      if (!(error instanceof VolumeError)) throw error;
      this.#parts.events.warning({ pod }, 'FailedMount', error.message);
      this.#parts.wake(record.ref.uid, RETRY_FILES_MS);
      return false;
    }
  }

  #hold(record: PodRecord, pod: Pod, plan: PodPlan): void {
    const parts = this.#parts;
    for (const [name, waiting] of plan.waiting) {
      const isNew = record.waiting.get(name)?.reason !== waiting.reason;
      record.waiting.set(name, waiting);
      if (!isNew) continue;
      const of = `${name} in pod ${record.ref.name}_${record.ref.namespace}(${record.ref.uid})`;
      const message = `Back-off restarting failed container ${of}`;
      parts.events.warning({ pod, container: name }, 'BackOff', message);
    }
    if (plan.wakeAtMs !== undefined) {
      parts.wake(record.ref.uid, plan.wakeAtMs - parts.clock.now());
    }
  }

  async #tidy(record: PodRecord, plan: PodPlan): Promise<void> {
    const { runtime } = this.#parts;
    for (const { id } of plan.remove) {
      await runtime.removeContainer(id);
      record.dropContainer(id);
    }
    for (const { id } of plan.removeSandboxes) {
      await runtime.removeSandbox(id);
      record.sandboxes.delete(id);
    }
  }

  async #terminate(record: PodRecord, pod: Pod): Promise<void> {
    const view = this.#view(record, pod);
    if (view.containers.some(isRunning)) {
      for (const container of dueToEnd(view)) {
        const why = `Stopping container ${container.name}`;
        beginEnding(this.#parts, { record, pod, container, why });
      }
      await actOnEndings(this.#parts, record, this.#view(record, pod));
      return;
    }
    if (!record.isReleased) await this.#release(record, view);
    await this.#removeAll(record);
  }

  /** Tells how it ended, and lets the API forget the pod. */
  async #release(record: PodRecord, view: PodView): Promise<void> {
    const { transport } = this.#parts;
    const { uid, name, namespace } = record.ref;
    try {
      await report(transport, record, statusOf(view));
      const options = { gracePeriodSeconds: 0, preconditions: { uid } };
      await transport.delete(PODS, { namespace, name }, options);
    } catch (error) {
      // Gone already, or another pod has its name by now.
      if (!hasReason(error, 'NotFound', 'Conflict')) throw error;
    }
    record.isReleased = true;
  }

  async #cleanUp(record: PodRecord): Promise<void> {
    const { uid } = record.ref;
    await this.#removeAll(record);
    if (!this.#parts.runtime.isSimulated) await this.#parts.volumes.remove(uid);
    this.#parts.sources.release(uid);
    this.#parts.images.forget(uid);
    if (!record.pod) this.#records.drop(uid);
  }

  async #removeAll(record: PodRecord): Promise<void> {
    const { runtime } = this.#parts;
    await Promise.all(
      [...record.containers.keys()].map(async (id) => {
        await runtime.removeContainer(id);
        record.dropContainer(id);
      }),
    );
    await Promise.all(
      [...record.sandboxes.keys()].map(async (id) => {
        await runtime.removeSandbox(id);
        record.sandboxes.delete(id);
      }),
    );
  }
}
