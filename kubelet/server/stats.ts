// /stats/summary, as far as it is known: CPU and memory of each container, from its cgroup.

import { type Clock, timestampOf } from '../../machinery/clock.ts';
import type { PodRecord } from '../pods/record.ts';
import { isRunning } from '../pods/view.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { ServedNode } from './find.ts';

export async function summaryOf(nodes: readonly ServedNode[], clock: Clock): Promise<object> {
  const time = timestampOf(clock.now());
  const pods = await Promise.all(
    nodes.flatMap(({ runtime, records }) =>
      [...records.all()].map((record) => podStats(runtime, record, time)),
    ),
  );
  return { node: { nodeName: nodes[0]?.nodeName ?? '' }, pods };
}

async function podStats(runtime: Runtime, record: PodRecord, time: string): Promise<object> {
  const running = [...record.containers.values()].filter(isRunning);
  const containers = await Promise.all(
    running.map(async ({ id, name, startedAtMs = 0 }) => {
      const usage = await runtime.usage(id);
      return {
        name,
        startTime: timestampOf(startedAtMs),
        ...(usage && {
          cpu: { time, usageCoreNanoSeconds: usage.cpuNanos },
          memory: { time, workingSetBytes: usage.memoryBytes },
        }),
      };
    }),
  );
  const { name, namespace, uid } = record.ref;
  return { podRef: { name, namespace, uid }, containers };
}
