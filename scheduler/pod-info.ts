// A pod as the scheduler keeps it: the object, and what is worked out from it once.

import { keyOf } from '../machinery/object.ts';
import type { Pod } from '../proto/generated/core.v1.ts';
import { type Requests, type ResourceColumns, requestsOf } from './resources.ts';

export interface HostPort {
  readonly ip: string;
  readonly protocol: string;
  readonly port: number;
}

export interface PodInfo {
  /** `namespace/name`, for people. */
  readonly key: string;
  /** Identity: a pod made anew under the same name is another pod. */
  readonly uid: string;
  readonly pod: Pod;
  readonly priority: number;
  readonly requests: Requests;
  readonly hostPorts: readonly HostPort[];
}

export const ANY_IP = '0.0.0.0';
const NO_PORTS: readonly HostPort[] = Object.freeze([]);

export const podInfoOf = (pod: Pod, columns: ResourceColumns): PodInfo => ({
  key: keyOf(pod),
  uid: uidOf(pod),
  pod,
  priority: pod.spec.priority ?? 0,
  requests: requestsOf(pod, columns),
  hostPorts: hostPortsOf(pod),
});

export const uidOf = (pod: Pod): string => pod.metadata.uid ?? keyOf(pod);

/** Nothing of it runs any more: it holds no place. */
export const hasEnded = ({ status }: Pod): boolean =>
  status?.phase === 'Succeeded' || status?.phase === 'Failed';

function hostPortsOf({ spec }: Pod): readonly HostPort[] {
  let found: HostPort[] | undefined;
  for (const { ports } of [...spec.containers, ...sidecarsOf(spec)]) {
    for (const { hostPort = 0, hostIP = '', protocol = 'TCP' } of ports ?? []) {
      if (hostPort <= 0) continue;
      found ??= [];
      found.push({ ip: hostIP === '' ? ANY_IP : hostIP, protocol, port: hostPort });
    }
  }
  return found ?? NO_PORTS;
}

/** Of the init containers only those stay and keep their ports. */
const sidecarsOf = ({ initContainers = [] }: Pod['spec']) =>
  initContainers.filter(({ restartPolicy }) => restartPolicy === 'Always');
