// ReplicaSet: a number of equal pods.

import type { ReplicaSet } from '../../proto/generated/apps.v1.ts';
import { REPLICA_SETS } from '../../proto/generated/resources.ts';
import { defineKind } from '../registry/kind.ts';
import {
  defaultTemplate,
  selectorText,
  validateImmutable,
  validateNotNegative,
  validateSelector,
  validateTemplate,
  workloadColumns,
} from './template.ts';

export const replicaSetKind = defineKind<ReplicaSet>({
  resource: REPLICA_SETS,
  hasStatus: true,
  hasGeneration: true,

  fields: { 'status.replicas': ({ status }) => String(status?.replicas ?? 0) },

  scale: {
    replicas: ({ spec }) => spec.replicas ?? 0,
    setReplicas(replicaSet, replicas) {
      replicaSet.spec.replicas = replicas;
    },
    statusReplicas: ({ status }) => status?.replicas ?? 0,
    selector: ({ spec }) => selectorText(spec.selector),
  },

  columns: [
    { name: 'Desired', type: 'integer', value: ({ spec }) => spec.replicas ?? 0 },
    { name: 'Current', type: 'integer', value: ({ status }) => status?.replicas ?? 0 },
    { name: 'Ready', type: 'integer', value: ({ status }) => status?.readyReplicas ?? 0 },
    ...workloadColumns,
  ],

  defaults: ({ spec }) => defaultTemplate(spec.template),

  prepareCreate(replicaSet) {
    replicaSet.status = { replicas: 0 };
  },

  validate(replicaSet, faults) {
    const { spec } = replicaSet;
    validateNotNegative('spec.replicas', spec.replicas, faults);
    validateNotNegative('spec.minReadySeconds', spec.minReadySeconds, faults);
    validateSelector(replicaSet, 'replicaset', faults);
    validateTemplate(spec.template, 'spec.template', { faults, restartPolicies: ['Always'] });
  },

  validateUpdate({ spec: { selector: value } }, { spec: { selector: previous } }, faults) {
    validateImmutable('spec.selector', { value, previous }, faults);
  },
});
