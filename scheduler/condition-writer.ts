// Tells users on the pod itself why it waits: condition PodScheduled=False, reason Unschedulable.
// Decisions do not wait for it. Only the newest word for a pod counts; it is written once.

import { type Clock, timestampOf } from '../machinery/clock.ts';
import { hasReason } from '../machinery/errors.ts';
import type { Log } from '../machinery/log.ts';
import type { Transport } from '../machinery/transport.ts';
import type { Pod, PodCondition } from '../proto/generated/core.v1.ts';
import { PODS } from '../proto/generated/resources.ts';
import { InFlight } from './in-flight.ts';
import { uidOf } from './pod-info.ts';

/** Bindings matter more: leave the API most of its room. */
const WRITES_MAX = 8;

export interface ConditionWriterParts {
  readonly transport: Pick<Transport, 'patch'>;
  readonly clock: Clock;
  readonly log: Log;
}

interface Word {
  readonly pod: Pod;
  readonly condition: PodCondition;
}

export class ConditionWriter {
  readonly #parts: ConditionWriterParts;
  readonly #writes = new InFlight(WRITES_MAX);
  /** By uid: never more than there are pending pods. */
  readonly #words = new Map<string, Word>();

  constructor(parts: ConditionWriterParts) {
    this.#parts = parts;
  }

  unschedulable(pod: Pod, message: string): void {
    const condition = plannedCondition(pod, message, this.#parts.clock.now());
    if (condition === undefined) this.#words.delete(uidOf(pod));
    else this.#words.set(uidOf(pod), { pod, condition });
    this.#pump();
  }

  /** The pod has found a place or is gone: nothing to say any more. */
  drop(uid: string): void {
    this.#words.delete(uid);
  }

  settled(): Promise<void> {
    return this.#writes.settled();
  }

  #pump(): void {
    for (const [uid, word] of this.#words) {
      if (this.#writes.isFull) return;
      this.#words.delete(uid);
      void this.#writes.start(() => this.#write(word)).then(() => this.#pump());
    }
  }

  async #write({ pod, condition }: Word): Promise<void> {
    const { namespace, name, uid } = pod.metadata;
    const body = { metadata: { uid }, status: { conditions: [condition] } };
    try {
      await this.#parts.transport.patch(
        PODS,
        { namespace, name },
        { type: 'strategic', body },
        { subresource: 'status' },
      );
    } catch (error) {
      if (hasReason(error, 'NotFound', 'Conflict')) return;
      this.#parts.log.warn('could not write why a pod waits', { pod: name, namespace, error });
    }
  }
}

/** undefined when the pod says so already. */
export function plannedCondition(
  { status }: Pod,
  message: string,
  nowMs: number,
): PodCondition | undefined {
  const present = status?.conditions?.find(({ type }) => type === 'PodScheduled');
  const isFalse = present?.status === 'False';
  if (isFalse && present.reason === 'Unschedulable' && present.message === message)
    return undefined;
  return {
    type: 'PodScheduled',
    status: 'False',
    reason: 'Unschedulable',
    message,
    lastTransitionTime: (isFalse && present.lastTransitionTime) || timestampOf(nowMs),
  };
}
