// Deployment: ReplicaSets that replace each other step by step.

import type { Faults } from '../../machinery/validation.ts';
import type { Deployment } from '../../proto/generated/apps.v1.ts';
import { DEPLOYMENTS } from '../../proto/generated/resources.ts';
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

export const deploymentKind = defineKind<Deployment>({
  resource: DEPLOYMENTS,
  hasStatus: true,
  hasGeneration: true,

  scale: {
    replicas: ({ spec }) => spec.replicas ?? 0,
    setReplicas(deployment, replicas) {
      deployment.spec.replicas = replicas;
    },
    statusReplicas: ({ status }) => status?.replicas ?? 0,
    selector: ({ spec }) => selectorText(spec.selector),
  },

  columns: [
    {
      name: 'Ready',
      description: 'Pods that are ready, of all that are wanted.',
      value: ({ spec, status }) => `${status?.readyReplicas ?? 0}/${spec.replicas ?? 0}`,
    },
    { name: 'Up-to-date', value: ({ status }) => status?.updatedReplicas ?? 0 },
    { name: 'Available', value: ({ status }) => status?.availableReplicas ?? 0 },
    ...workloadColumns,
  ],

  defaults({ spec }) {
    if (spec.strategy?.type === 'RollingUpdate') {
      spec.strategy.rollingUpdate = {
        maxUnavailable: '25%',
        maxSurge: '25%',
        ...spec.strategy.rollingUpdate,
      };
    }
    defaultTemplate(spec.template);
  },

  prepareCreate(deployment) {
    deployment.status = {};
  },

  validate(deployment, faults) {
    const { spec } = deployment;
    validateNotNegative('spec.replicas', spec.replicas, faults);
    validateNotNegative('spec.minReadySeconds', spec.minReadySeconds, faults);
    validateNotNegative('spec.revisionHistoryLimit', spec.revisionHistoryLimit, faults);
    validateSelector(deployment, 'deployment', faults);
    validateTemplate(spec.template, 'spec.template', { faults, restartPolicies: ['Always'] });
    validateStrategy(spec, faults);
    const deadline = spec.progressDeadlineSeconds;
    if (deadline !== undefined && deadline <= (spec.minReadySeconds ?? 0)) {
      const why = 'must be greater than minReadySeconds';
      faults.invalid('spec.progressDeadlineSeconds', deadline, why);
    }
  },

  validateUpdate({ spec: { selector: value } }, { spec: { selector: previous } }, faults) {
    validateImmutable('spec.selector', { value, previous }, faults);
  },
});

const SHAPE = /^\d+%$/;

function validateStrategy({ strategy }: Deployment['spec'], faults: Faults): void {
  const field = 'spec.strategy.rollingUpdate';
  const rolling = strategy?.rollingUpdate;
  if (strategy?.type === 'Recreate' && rolling) {
    faults.forbidden(field, "may not be specified when strategy `type` is 'Recreate'");
  }
  if (strategy?.type !== 'RollingUpdate' || rolling === undefined) return;
  for (const name of ['maxUnavailable', 'maxSurge'] as const) {
    const value = rolling[name];
    if (typeof value === 'string' && !SHAPE.test(value)) {
      const why =
        "a valid percent string must be a numeric string followed by an ending '%' " +
        "(e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')";
      faults.invalid(`${field}.${name}`, value, why);
      return;
    }
    if (typeof value === 'number') validateNotNegative(`${field}.${name}`, value, faults);
  }
  const { maxUnavailable = 0, maxSurge = 0 } = rolling;
  if (isZero(maxUnavailable) && isZero(maxSurge)) {
    faults.invalid(`${field}.maxUnavailable`, maxUnavailable, 'may not be 0 when `maxSurge` is 0');
  }
  if (typeof maxUnavailable === 'string' && Number.parseInt(maxUnavailable, 10) > 100) {
    faults.invalid(`${field}.maxUnavailable`, maxUnavailable, 'must not be greater than 100%');
  }
}

const isZero = (value: string | number): boolean => value === 0 || /^0+%$/.test(String(value));
