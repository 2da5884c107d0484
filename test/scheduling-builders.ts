// Pods and nodes as a scheduler looks at them: say only what the test is about.

import type { Node, Pod, PodSpec, Taint } from '../proto/generated/core.v1.ts';

interface NodeParts {
  readonly allocatable?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  readonly taints?: readonly Taint[];
  readonly unschedulable?: boolean;
}

/** 4 cores, 8 GiB, 110 pods unless said otherwise. */
export const node = (name: string, parts: NodeParts = {}): Node => ({
  metadata: { name, uid: `uid-${name}`, labels: { ...parts.labels } },
  spec: {
    ...(parts.taints && { taints: [...parts.taints] }),
    ...(parts.unschedulable && { unschedulable: true }),
  },
  status: { allocatable: { ...(parts.allocatable ?? { cpu: '4', memory: '8Gi', pods: '110' }) } },
});

interface PodParts {
  readonly requests?: Readonly<Record<string, string>>;
  readonly nodeName?: string;
  readonly uid?: string;
  readonly spec?: Partial<PodSpec>;
}

/** One container that requests nothing unless said otherwise. */
export const pod = (name: string, parts: PodParts = {}): Pod => ({
  metadata: { name, namespace: 'default', uid: parts.uid ?? `uid-${name}` },
  spec: {
    containers: [
      {
        name: 'main',
        image: 'pause',
        ...(parts.requests && { resources: { requests: { ...parts.requests } } }),
      },
    ],
    ...(parts.nodeName !== undefined && { nodeName: parts.nodeName }),
    ...parts.spec,
  },
  status: { phase: 'Pending' },
});
