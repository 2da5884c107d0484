// Other versions of stored kinds: events.k8s.io/v1 of core events, autoscaling/v1 of v2.

import type { HorizontalPodAutoscaler as AutoscalerV1 } from '../../proto/generated/autoscaling.v1.ts';
import type { HorizontalPodAutoscaler, MetricSpec } from '../../proto/generated/autoscaling.v2.ts';
import type { Event as CoreEvent } from '../../proto/generated/core.v1.ts';
import type { Event } from '../../proto/generated/events.v1.ts';
import {
  EVENTS,
  EVENTS_V1,
  HORIZONTAL_POD_AUTOSCALERS,
  HORIZONTAL_POD_AUTOSCALERS_V1,
} from '../../proto/generated/resources.ts';
import type { ApiObject } from '../../proto/resource.ts';
import { AGE, NAME } from '../registry/columns.ts';
import { type Column, defineKind } from '../registry/kind.ts';
import { eventKind } from './event.ts';

/** What the stored kind calls otherwise, new name first. */
const EVENT_NAMES = [
  ['regarding', 'involvedObject'],
  ['note', 'message'],
  ['reportingController', 'reportingComponent'],
  ['deprecatedSource', 'source'],
  ['deprecatedFirstTimestamp', 'firstTimestamp'],
  ['deprecatedLastTimestamp', 'lastTimestamp'],
  ['deprecatedCount', 'count'],
] as const;

const REGARDING = [
  'kind',
  'namespace',
  'name',
  'uid',
  'apiVersion',
  'resourceVersion',
  'fieldPath',
];

function renamed(object: ApiObject, names: readonly (readonly [string, string])[]): ApiObject {
  const after = new Map(names);
  const fields = Object.entries(object).map(([name, value]) => [after.get(name) ?? name, value]);
  return Object.fromEntries(fields) as ApiObject;
}

const storedEvent = (event: Event): CoreEvent => ({
  involvedObject: {},
  ...renamed(event, EVENT_NAMES),
});

export const eventV1Kind = defineKind<Event>({
  resource: EVENTS_V1,
  createOnUpdate: true,
  hasAllColumns: true,
  columns: (eventKind.columns ?? []).map(
    (column): Column<Event> => ({
      ...column,
      value: (event, nowMs) => column.value(storedEvent(event), nowMs),
    }),
  ),
  view: {
    of: EVENTS,
    toStored: storedEvent,
    fromStored(event) {
      const names = EVENT_NAMES.map(([name, stored]) => [stored, name] as const);
      // The new version wants a time; old events have only seconds.
      const { metadata, eventTime } = event as CoreEvent;
      const time = eventTime ?? metadata.creationTimestamp?.replace('Z', '.000000Z') ?? '';
      return { ...renamed(event, names), eventTime: time } as Event;
    },
    fieldNames: {
      reportingController: 'reportingComponent',
      ...Object.fromEntries(
        REGARDING.map((field) => [`regarding.${field}`, `involvedObject.${field}`]),
      ),
    },
  },
});

/** Where v1 keeps the metrics and the behaviour that it has no fields for. */
const METRICS = 'autoscaling.alpha.kubernetes.io/metrics';
const BEHAVIOR = 'autoscaling.alpha.kubernetes.io/behavior';

export const autoscalerV1Kind = defineKind<AutoscalerV1>({
  resource: HORIZONTAL_POD_AUTOSCALERS_V1,
  hasStatus: true,
  hasAllColumns: true,
  columns: [
    NAME,
    {
      name: 'Reference',
      value: ({ spec: { scaleTargetRef } }) => `${scaleTargetRef.kind}/${scaleTargetRef.name}`,
    },
    { name: 'MinPods', value: ({ spec }) => String(spec.minReplicas ?? '<unset>') },
    { name: 'MaxPods', value: ({ spec }) => String(spec.maxReplicas) },
    { name: 'Replicas', value: ({ status }) => String(status?.currentReplicas ?? 0) },
    AGE,
  ],
  view: {
    of: HORIZONTAL_POD_AUTOSCALERS,

    toStored({ spec, ...rest }) {
      const { targetCPUUtilizationPercentage: percent, ...others } = spec;
      const {
        [METRICS]: metrics,
        [BEHAVIOR]: behavior,
        ...annotations
      } = rest.metadata.annotations ?? {};
      const all = [...(percent === undefined ? [] : [cpuMetric(percent)]), ...parsed(metrics, [])];
      return {
        ...rest,
        metadata: { ...rest.metadata, annotations },
        spec: {
          ...others,
          ...(all.length > 0 && { metrics: all }),
          ...(behavior !== undefined && { behavior: parsed(behavior, {}) }),
        },
      } as ApiObject;
    },

    fromStored(object) {
      const { spec, status, ...rest } = object as HorizontalPodAutoscaler;
      const { metrics = [], behavior, ...others } = spec;
      const cpu = metrics.find(isCpu);
      const unsaid = metrics.filter((metric) => metric !== cpu);
      const annotations = {
        ...rest.metadata.annotations,
        ...(unsaid.length > 0 && { [METRICS]: JSON.stringify(unsaid) }),
        ...(behavior !== undefined && { [BEHAVIOR]: JSON.stringify(behavior) }),
      };
      const percent = cpu?.resource?.target.averageUtilization;
      return {
        ...rest,
        metadata: {
          ...rest.metadata,
          ...(Object.keys(annotations).length > 0 && { annotations }),
        },
        spec: {
          ...others,
          ...(percent !== undefined && { targetCPUUtilizationPercentage: percent }),
        },
        status: {
          currentReplicas: status?.currentReplicas ?? 0,
          desiredReplicas: status?.desiredReplicas ?? 0,
          ...(status?.lastScaleTime && { lastScaleTime: status.lastScaleTime }),
          ...(status?.observedGeneration && { observedGeneration: status.observedGeneration }),
        },
      };
    },
  },
});

const cpuMetric = (averageUtilization: number): MetricSpec => ({
  type: 'Resource',
  resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization } },
});

const isCpu = ({ type, resource }: MetricSpec): boolean =>
  type === 'Resource' &&
  resource?.name === 'cpu' &&
  resource.target?.averageUtilization !== undefined;

/** An annotation is a client's text: what does not parse says nothing. */
function parsed<D>(text: string | undefined, fallback: D): D {
  if (text === undefined) return fallback;
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) === Array.isArray(fallback) && typeof value === 'object'
      ? ((value as D) ?? fallback)
      : fallback;
  } catch {
    return fallback;
  }
}
