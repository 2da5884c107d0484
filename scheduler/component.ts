// The scheduler with its informers, events and leadership, as it runs in a process of its own or
// beside others in one.

import { createEventRecorder } from '../client/event-recorder.ts';
import { createInformer } from '../client/informer.ts';
import { runAsLeader } from '../client/leader-election.ts';
import type { Clock } from '../machinery/clock.ts';
import type { Log } from '../machinery/log.ts';
import type { Metrics } from '../machinery/metrics.ts';
import type { Random } from '../machinery/random.ts';
import type { Transport } from '../machinery/transport.ts';
import type { Pod } from '../proto/generated/core.v1.ts';
import { NODES, PODS } from '../proto/generated/resources.ts';
import type { Profile } from './profile.ts';
import { createScheduler, type EventSink } from './scheduler.ts';

export interface SchedulerConfig {
  /** Must differ between schedulers that run at once; absent: schedule without a lease. */
  readonly election?: {
    readonly namespace: string;
    readonly name: string;
    readonly identity: string;
  };
}

export interface SchedulerComponentParts {
  readonly transport: Transport;
  readonly profiles: readonly Profile[];
  readonly config: SchedulerConfig;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly metrics?: Metrics;
}

export interface SchedulerComponent {
  readonly isSynced: boolean;
  run(signal: AbortSignal): Promise<void>;
}

export function createSchedulerComponent(parts: SchedulerComponentParts): SchedulerComponent {
  const { transport, profiles, config, log } = parts;
  const pods = createInformer({ ...parts, resource: PODS, transform: slimmed });
  const nodes = createInformer({ ...parts, resource: NODES });
  const component = profiles[0]?.schedulerName ?? 'default-scheduler';
  const recorder = createEventRecorder({ ...parts, component });
  const events: EventSink = {
    event: (pod, { type, reason, message }) =>
      recorder.event({ apiVersion: 'v1', kind: 'Pod', ...pod }, type, reason, message),
  };
  const scheduler = createScheduler({ ...parts, pods, nodes, events });
  const schedule = (signal: AbortSignal) => scheduler.run(signal);
  const { election } = config;
  return {
    get isSynced() {
      return pods.isSynced && nodes.isSynced;
    },
    async run(signal) {
      // Followers keep their caches warm: a new leader starts at once.
      await Promise.all([
        pods.run(signal),
        nodes.run(signal),
        recorder.run(signal),
        election === undefined
          ? schedule(signal)
          : runAsLeader({ ...parts, ...election, transport, log }, schedule, signal),
      ]);
    },
  };
}

/** Most of a pod's size is of no concern here. */
function slimmed(pod: Pod): Pod {
  const { managedFields: _, ...metadata } = pod.metadata;
  const { phase, conditions } = pod.status ?? {};
  return {
    ...pod,
    metadata,
    status: { ...(phase && { phase }), ...(conditions && { conditions }) },
  };
}
