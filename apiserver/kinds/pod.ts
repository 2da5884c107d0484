// Pod: the unit that is scheduled and run.

import type { Pod } from '../../proto/generated/core.v1.ts';
import { PODS } from '../../proto/generated/resources.ts';
import { defineKind } from '../registry/kind.ts';
import { defaultPod } from './pod-defaults.ts';
import { summaryOf } from './pod-status-text.ts';
import { validatePodUpdate } from './pod-update.ts';
import { validatePodSpec } from './pod-validation.ts';
import { qosClassOf } from './qos.ts';

/** The kubelet needs at least this long to hear of a delete that asks for less than nothing. */
const GRACE_DEFAULT_SECONDS = 30;

export const podKind = defineKind<Pod>({
  resource: PODS,
  hasStatus: true,
  hasGeneration: true,
  subresources: ['attach', 'binding', 'eviction', 'exec', 'log', 'portforward', 'proxy'],

  fields: {
    'spec.nodeName': ({ spec }) => spec.nodeName ?? '',
    'spec.restartPolicy': ({ spec }) => spec.restartPolicy ?? '',
    'spec.schedulerName': ({ spec }) => spec.schedulerName ?? '',
    'spec.serviceAccountName': ({ spec }) => spec.serviceAccountName ?? '',
    'spec.hostNetwork': ({ spec }) => String(spec.hostNetwork ?? false),
    'status.phase': ({ status }) => status?.phase ?? '',
    'status.podIP': ({ status }) => status?.podIP ?? '',
    'status.podIPs': ({ status }) => status?.podIPs?.[0]?.ip ?? status?.podIP ?? '',
    'status.nominatedNodeName': ({ status }) => status?.nominatedNodeName ?? '',
  },

  columns: [
    {
      name: 'Ready',
      description: 'Containers that are ready, of all that run.',
      value: (pod, nowMs) => summaryOf(pod, nowMs).ready,
    },
    {
      name: 'Status',
      description: 'State of the pod and its containers in one word.',
      value: (pod, nowMs) => summaryOf(pod, nowMs).status,
    },
    {
      name: 'Restarts',
      description: 'How often its containers were restarted, and when last.',
      value: (pod, nowMs) => summaryOf(pod, nowMs).restarts,
    },
    { name: 'IP', wide: true, value: ({ status }) => status?.podIP || '<none>' },
    { name: 'Node', wide: true, value: ({ spec }) => spec.nodeName || '<none>' },
    {
      name: 'Nominated Node',
      wide: true,
      value: ({ status }) => status?.nominatedNodeName || '<none>',
    },
    { name: 'Readiness Gates', wide: true, value: readinessGates },
  ],

  /** A pod that no kubelet watches over, or that has ended, has nothing to wait for. */
  gracePeriod({ spec, status }) {
    if (!spec.nodeName || status?.phase === 'Succeeded' || status?.phase === 'Failed') return 0;
    return spec.terminationGracePeriodSeconds ?? GRACE_DEFAULT_SECONDS;
  },

  defaults: defaultPod,

  prepareCreate(pod) {
    pod.status = { phase: 'Pending', qosClass: qosClassOf(pod.spec) };
  },

  validate({ spec }, faults) {
    validatePodSpec(spec, 'spec', faults);
  },

  validateUpdate: validatePodUpdate,
});

function readinessGates({ spec, status }: Pod): string {
  const gates = spec.readinessGates ?? [];
  if (gates.length === 0) return '<none>';
  const met = gates.filter(({ conditionType }) =>
    status?.conditions?.some(({ type, status: is }) => type === conditionType && is === 'True'),
  );
  return `${met.length}/${gates.length}`;
}
