// What EndpointSlices and Endpoints have in common: which pods stand behind a Service, on which
// ports and under which names. Pure.

import { deepEqual } from '../machinery/equality.ts';
import { isDeleting } from '../machinery/object.ts';
import type { Container, Pod, Service, ServicePort } from '../proto/generated/core.v1.ts';
import { isFinished, isReady } from './pods.ts';

export const HEADLESS_LABEL = 'service.kubernetes.io/headless';

export type IpFamily = 'IPv4' | 'IPv6';

export interface PortNumber {
  readonly name: string;
  readonly port: number;
  readonly protocol: 'TCP' | 'UDP' | 'SCTP';
  readonly appProtocol?: string;
}

/** Endpoints of this Service are ours to write: it selects pods. */
export const selectsPods = ({ spec }: Service): boolean =>
  spec.type !== 'ExternalName' && Object.keys(spec.selector ?? {}).length > 0;

export const isHeadless = ({ spec }: Service): boolean => spec.clusterIP === 'None';

export function selects({ spec }: Service, { metadata }: Pod): boolean {
  const labels = metadata.labels ?? {};
  return Object.entries(spec.selector ?? {}).every(([key, value]) => labels[key] === value);
}

/** Has an address and still runs, even if it is about to end. */
export const isReachable = (pod: Pod): boolean =>
  !isFinished(pod) && (pod.status?.podIP ?? '') !== '';

export const familyOf = (ip: string): IpFamily => (ip.includes(':') ? 'IPv6' : 'IPv4');

export function addressOf({ status }: Pod, family: IpFamily): string | undefined {
  const all = status?.podIPs?.map(({ ip }) => ip) ?? (status?.podIP ? [status.podIP] : []);
  return all.find((ip) => familyOf(ip) === family);
}

export function familiesOf({ spec }: Service): readonly IpFamily[] {
  return spec.ipFamilies?.length ? spec.ipFamilies : ['IPv4'];
}

/** The pod's own DNS name below the Service, where it asked for one. */
export function hostnameOf({ spec, metadata }: Pod, service: Service): string | undefined {
  const isNamed =
    spec.hostname !== undefined &&
    spec.subdomain === service.metadata.name &&
    metadata.namespace === service.metadata.namespace;
  return isNamed ? spec.hostname : undefined;
}

export const targetOf = ({ metadata }: Pod) => ({
  kind: 'Pod',
  ...(metadata.namespace !== undefined && { namespace: metadata.namespace }),
  name: metadata.name,
  ...(metadata.uid !== undefined && { uid: metadata.uid }),
});

/** The Service's ports as this pod serves them; a named port that it lacks is left out. */
export function portsOf(pod: Pod, { spec }: Service): readonly PortNumber[] {
  return (spec.ports ?? []).flatMap((servicePort) => {
    const port = targetPortOf(pod, servicePort);
    if (port === undefined) return [];
    const { name = '', protocol = 'TCP', appProtocol } = servicePort;
    return [{ name, port, protocol, ...(appProtocol !== undefined && { appProtocol }) }];
  });
}

/** Updates of a pod that a Service's endpoints can tell from each other. */
export const changesEndpoints = (pod: Pod, previous: Pod): boolean =>
  isReady(pod) !== isReady(previous) ||
  isDeleting(pod) !== isDeleting(previous) ||
  isReachable(pod) !== isReachable(previous) ||
  pod.spec.nodeName !== previous.spec.nodeName ||
  !deepEqual(pod.status?.podIPs, previous.status?.podIPs) ||
  !deepEqual(pod.metadata.labels, previous.metadata.labels);

function targetPortOf(pod: Pod, { targetPort, port, protocol = 'TCP' }: ServicePort) {
  if (targetPort === undefined || targetPort === 0 || targetPort === '') return port;
  if (typeof targetPort === 'number') return targetPort;
  return containersOf(pod)
    .flatMap(({ ports = [] }) => ports)
    .find((one) => one.name === targetPort && (one.protocol ?? 'TCP') === protocol)?.containerPort;
}

/** Those that run while the pod does: its containers and its sidecars. */
const containersOf = ({ spec }: Pod): readonly Container[] => [
  ...spec.containers,
  ...(spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always'),
];
