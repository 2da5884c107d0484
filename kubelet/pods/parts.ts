// What the acts of a pod's life are done with; the kubelet puts it together once.

import type { Lister } from '../../client/lister.ts';
import type { Clock } from '../../machinery/clock.ts';
import type { Log } from '../../machinery/log.ts';
import type { Transport } from '../../machinery/transport.ts';
import type { Pod, Service } from '../../proto/generated/core.v1.ts';
import type { SelfKnowledge } from '../env/field-ref.ts';
import type { Gate } from '../gate.ts';
import type { Images } from '../images.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { Sources } from '../sources.ts';
import type { Volumes } from '../volumes/volumes.ts';
import type { DnsSettings } from './hostname.ts';

/** Tells a pod's story to `kubectl describe`. Never blocks, never fails. */
export interface PodEvents {
  normal(about: EventSubject, reason: string, message: string): void;
  warning(about: EventSubject, reason: string, message: string): void;
}

export interface EventSubject {
  readonly pod: Pod;
  /** Absent: about the pod as a whole. */
  readonly container?: string;
}

export interface PodParts {
  readonly transport: Transport;
  readonly runtime: Runtime;
  readonly clock: Clock;
  readonly log: Log;
  readonly events: PodEvents;
  readonly images: Images;
  readonly volumes: Volumes;
  readonly sources: Sources;
  readonly services: Lister<Service>;
  /** How many starts the engine is given at once. */
  readonly starts: Gate;
  readonly dns: DnsSettings;
  readonly allocatable: Readonly<Record<string, string>>;
  /** Asks for another sync of the pod: at once, or after a while. */
  readonly wake: (podUid: string, delayMs?: number) => void;
}

export const selfKnowledgeOf = (
  { runtime, allocatable }: Pick<PodParts, 'runtime' | 'allocatable'>,
  pod: Pod,
  podIp: string,
): SelfKnowledge => ({ pod, podIp, nodeIp: runtime.nodeIp, allocatable });
