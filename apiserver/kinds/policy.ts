// Limits and policies: quotas, limit ranges, disruption budgets, autoscalers, priorities, runtimes.

import { ageOf } from '../../machinery/duration.ts';
import { isPathSegment } from '../../machinery/names.ts';
import type {
  HorizontalPodAutoscaler,
  MetricSpec,
  MetricStatus,
} from '../../proto/generated/autoscaling.v2.ts';
import type { CertificateSigningRequest } from '../../proto/generated/certificates.v1.ts';
import type { LimitRange, ResourceQuota } from '../../proto/generated/core.v1.ts';
import type { RuntimeClass } from '../../proto/generated/node.v1.ts';
import type { PodDisruptionBudget } from '../../proto/generated/policy.v1.ts';
import {
  CERTIFICATE_SIGNING_REQUESTS,
  HORIZONTAL_POD_AUTOSCALERS,
  LIMIT_RANGES,
  POD_DISRUPTION_BUDGETS,
  PRIORITY_CLASSES,
  RESOURCE_QUOTAS,
  RUNTIME_CLASSES,
} from '../../proto/generated/resources.ts';
import type { PriorityClass } from '../../proto/generated/scheduling.v1.ts';
import { NAME } from '../registry/columns.ts';
import { defineKind } from '../registry/kind.ts';
import { SYSTEM_PRIORITIES } from '../registry/system-priorities.ts';
import { validateImmutable, validateNotNegative } from './template.ts';

/** Classes above belong to the system. */
const USER_PRIORITY_MAX = 1_000_000_000;

export const limitRangeKind = defineKind<LimitRange>({
  resource: LIMIT_RANGES,
  hasAllColumns: true,
  columns: [
    NAME,
    { name: 'Created At', value: ({ metadata }) => metadata.creationTimestamp ?? '' },
  ],
});

const isLimit = (name: string): boolean => name.startsWith('limits.');

function quotaText({ status }: ResourceQuota, isShown: (name: string) => boolean): string {
  return Object.entries(status?.hard ?? {})
    .filter(([name]) => isShown(name))
    .sort()
    .map(([name, hard]) => `${name}: ${status?.used?.[name] ?? '0'}/${hard}`)
    .join(', ');
}

export const resourceQuotaKind = defineKind<ResourceQuota>({
  resource: RESOURCE_QUOTAS,
  hasStatus: true,
  columns: [
    { name: 'Request', value: (quota) => quotaText(quota, (name) => !isLimit(name)) },
    { name: 'Limit', value: (quota) => quotaText(quota, isLimit) },
  ],
  prepareCreate(quota) {
    quota.status = {};
  },
});

export const podDisruptionBudgetKind = defineKind<PodDisruptionBudget>({
  resource: POD_DISRUPTION_BUDGETS,
  hasStatus: true,
  hasGeneration: true,
  needsVersion: true,
  columns: [
    { name: 'Min Available', value: ({ spec }) => String(spec.minAvailable ?? 'N/A') },
    { name: 'Max Unavailable', value: ({ spec }) => String(spec.maxUnavailable ?? 'N/A') },
    {
      name: 'Allowed Disruptions',
      type: 'integer',
      value: ({ status }) => status?.disruptionsAllowed ?? 0,
    },
  ],
  prepareCreate(budget) {
    budget.status = {
      disruptionsAllowed: 0,
      currentHealthy: 0,
      desiredHealthy: 0,
      expectedPods: 0,
    };
  },
  validate({ spec }, faults) {
    if (spec.minAvailable === undefined || spec.maxUnavailable === undefined) return;
    const why = 'minAvailable and maxUnavailable cannot be both set';
    faults.invalid('spec', spec, why);
  },
});

export const horizontalPodAutoscalerKind = defineKind<HorizontalPodAutoscaler>({
  resource: HORIZONTAL_POD_AUTOSCALERS,
  hasStatus: true,
  columns: [
    {
      name: 'Reference',
      value: ({ spec: { scaleTargetRef } }) => `${scaleTargetRef.kind}/${scaleTargetRef.name}`,
    },
    {
      name: 'Targets',
      value: ({ spec, status }) => targetsText(spec.metrics ?? [], status?.currentMetrics ?? []),
    },
    { name: 'MinPods', value: ({ spec }) => String(spec.minReplicas ?? '<unset>') },
    { name: 'MaxPods', value: ({ spec }) => String(spec.maxReplicas) },
    { name: 'Replicas', value: ({ status }) => String(status?.currentReplicas ?? 0) },
  ],
  prepareCreate(autoscaler) {
    autoscaler.status = { desiredReplicas: 0 } as NonNullable<HorizontalPodAutoscaler['status']>;
  },
  validate({ spec }, faults) {
    if (!spec.maxReplicas || spec.maxReplicas < 1) {
      faults.invalid('spec.maxReplicas', spec.maxReplicas ?? 0, 'must be greater than 0');
    } else if (spec.minReplicas !== undefined && spec.minReplicas > spec.maxReplicas) {
      const why = 'must be greater than or equal to `minReplicas`';
      faults.invalid('spec.maxReplicas', spec.maxReplicas, why);
    }
    validateNotNegative('spec.minReplicas', spec.minReplicas, faults);
  },
});

function targetsText(specs: readonly MetricSpec[], current: readonly MetricStatus[]): string {
  const texts = specs.map(({ resource }, index) => {
    const wanted = resource?.target;
    const now = current[index]?.resource?.current;
    const value =
      wanted?.averageUtilization === undefined
        ? [now?.averageValue, wanted?.averageValue]
        : [percent(now?.averageUtilization), percent(wanted.averageUtilization)];
    return `${resource?.name ?? 'metric'}: ${value[0] ?? '<unknown>'}/${value[1] ?? '<auto>'}`;
  });
  return texts.join(', ') || '<none>';
}

const percent = (value: number | undefined): string | undefined =>
  value === undefined ? undefined : `${value}%`;

export const priorityClassKind = defineKind<PriorityClass>({
  resource: PRIORITY_CLASSES,
  columns: [
    { name: 'Value', type: 'integer', value: ({ value }) => value ?? 0 },
    { name: 'Global-Default', value: ({ globalDefault }) => String(globalDefault ?? false) },
    { name: 'PreemptionPolicy', value: ({ preemptionPolicy }) => preemptionPolicy ?? '' },
  ],
  validate({ metadata, value = 0 }, faults) {
    const { name = '' } = metadata;
    if (Object.hasOwn(SYSTEM_PRIORITIES, name) && SYSTEM_PRIORITIES[name] === value) return;
    if (name.startsWith('system-')) {
      const why = "priority class names with 'system-' prefix are reserved for system use only";
      faults.forbidden('metadata.name', why);
    }
    if (value <= USER_PRIORITY_MAX) return;
    const why = `maximum allowed value of a user defined priority is ${USER_PRIORITY_MAX}`;
    faults.forbidden('value', why);
  },
  validateUpdate(now, before, faults) {
    validateImmutable('value', { value: now.value ?? 0, previous: before.value ?? 0 }, faults);
    const change = { value: now.preemptionPolicy, previous: before.preemptionPolicy };
    validateImmutable('preemptionPolicy', change, faults);
  },
});

export const runtimeClassKind = defineKind<RuntimeClass>({
  resource: RUNTIME_CLASSES,
  columns: [{ name: 'Handler', value: ({ handler }) => handler }],
  validateUpdate({ handler: value }, { handler: previous }, faults) {
    validateImmutable('handler', { value, previous }, faults);
  },
});

export const certificateSigningRequestKind = defineKind<CertificateSigningRequest>({
  resource: CERTIFICATE_SIGNING_REQUESTS,
  validName: isPathSegment,
  hasStatus: true,
  fields: { 'spec.signerName': ({ spec }) => spec.signerName },
  hasAllColumns: true,
  columns: [
    NAME,
    { name: 'Age', value: ({ metadata }, nowMs) => ageOf(metadata.creationTimestamp, nowMs) },
    { name: 'SignerName', value: ({ spec }) => spec.signerName },
    { name: 'Requestor', value: ({ spec }) => spec.username ?? '' },
    {
      name: 'RequestedDuration',
      value: ({ spec }) =>
        spec.expirationSeconds === undefined ? '<none>' : `${spec.expirationSeconds}s`,
    },
    {
      name: 'Condition',
      value: ({ status }) =>
        (status?.conditions ?? []).map(({ type }) => type).join(',') || 'Pending',
    },
  ],
  prepareCreate(request) {
    request.status = {};
  },
});
