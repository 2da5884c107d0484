// Computed defaults of pods and pod templates, beyond the schema's static ones.

import type { Container, Pod, PodSpec, Volume } from '../../proto/generated/core.v1.ts';

/** For pods and templates alike. */
export function defaultPodSpec(spec: PodSpec): void {
  for (const container of allContainers(spec)) {
    container.imagePullPolicy ??= pullPolicyOf(container.image ?? '');
    if (spec.hostNetwork) defaultHostPorts(container);
  }
  for (const volume of spec.volumes ?? []) if (isSourceless(volume)) volume.emptyDir = {};
  // The older name of the same field follows the newer one.
  spec.serviceAccountName ??= spec.serviceAccount!;
  if (spec.serviceAccountName === undefined) delete spec.serviceAccountName;
  else spec.serviceAccount = spec.serviceAccountName;
}

/** For pods only: a template leaves these to the pods that are made from it. */
export function defaultPod({ spec }: Pod): void {
  defaultPodSpec(spec);
  spec.enableServiceLinks ??= true;
  for (const { resources } of allContainers(spec)) {
    if (!resources?.limits) continue;
    resources.requests = { ...resources.limits, ...resources.requests };
  }
}

export const allContainers = (spec: PodSpec): readonly Container[] =>
  spec.initContainers === undefined
    ? (spec.containers ?? [])
    : [...spec.initContainers, ...(spec.containers ?? [])];

function pullPolicyOf(image: string): 'Always' | 'IfNotPresent' {
  if (image.includes('@')) return 'IfNotPresent';
  const tag = /:([^/:]+)$/.exec(image)?.[1] ?? 'latest';
  return tag === 'latest' ? 'Always' : 'IfNotPresent';
}

function defaultHostPorts({ ports = [] }: Container): void {
  for (const port of ports) port.hostPort ??= port.containerPort;
}

function isSourceless(volume: Volume): boolean {
  for (const key in volume) if (key !== 'name') return false;
  return true;
}
