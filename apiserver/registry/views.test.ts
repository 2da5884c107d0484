import { afterEach, beforeEach, expect, test } from 'vitest';
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
import { type InProcessApi, startInProcessApi } from '../../test/in-process-api.ts';

let api: InProcessApi;
beforeEach(async () => {
  api = await startInProcessApi();
});
afterEach(() => api.close());

const AT = { namespace: 'default', name: 'a' };
const event: Event = {
  metadata: { ...AT },
  eventTime: '2026-01-01T00:00:00.000000Z',
  regarding: { kind: 'Pod', namespace: 'default', name: 'p' },
  reason: 'Started',
  note: 'it runs',
  reportingController: 'me',
  type: 'Normal',
};

test('an event of the newer version is an event of the older one, and back', async () => {
  const made = await api.transport.create<Event>(EVENTS_V1, event);
  expect(made).toMatchObject({ ...event, apiVersion: 'events.k8s.io/v1', kind: 'Event' });
  const core = await api.transport.get<CoreEvent>(EVENTS, AT);
  expect(core).toMatchObject({
    apiVersion: 'v1',
    involvedObject: { kind: 'Pod', name: 'p' },
    message: 'it runs',
    reportingComponent: 'me',
  });
  expect(core).not.toHaveProperty('regarding');
  await api.transport.update<CoreEvent>(EVENTS, { ...core, count: 3 });
  const seen = await api.transport.get<Event>(EVENTS_V1, AT);
  expect(seen.deprecatedCount).toBe(3);
  await api.transport.delete(EVENTS_V1, AT);
  await expect(api.transport.get(EVENTS, AT)).rejects.toMatchObject({ reason: 'NotFound' });
});

test('its fields are known by its names, in lists and watches', async () => {
  await api.transport.create<Event>(EVENTS_V1, event);
  const query = { fieldSelector: 'regarding.name=p,reportingController=me' };
  const { items, apiVersion } = await api.transport.list<Event>(EVENTS_V1, query);
  expect(apiVersion).toBe('events.k8s.io/v1');
  expect(items.map(({ note }) => note)).toEqual(['it runs']);
  for await (const seen of api.transport.watch<Event>(
    EVENTS_V1,
    query,
    AbortSignal.timeout(2000),
  )) {
    expect(seen).toMatchObject({ type: 'ADDED', object: { note: 'it runs' } });
    break;
  }
});

test('unknown fields are those of the version that is spoken', async () => {
  const call = { ...api.callTo(EVENTS_V1, AT), fieldValidation: 'Strict' as const };
  await expect(api.registry.create(call, { ...event, message: 'x' })).rejects.toMatchObject({
    message: expect.stringContaining('unknown field "message"'),
  });
});

test('a patch speaks the version of its URL', async () => {
  await api.transport.create<Event>(EVENTS_V1, event);
  const body = { note: 'it stopped' };
  const patched = await api.transport.patch<Event>(EVENTS_V1, AT, { type: 'strategic', body });
  expect(patched.note).toBe('it stopped');
  expect((await api.transport.get<CoreEvent>(EVENTS, AT)).message).toBe('it stopped');
});

test('an autoscaler keeps what v1 has no words for', async () => {
  const memory: MetricSpec = {
    type: 'Resource',
    resource: { name: 'memory', target: { type: 'AverageValue', averageValue: '1Gi' } },
  };
  const spec = { maxReplicas: 3, scaleTargetRef: { kind: 'Deployment', name: 'web' } };
  const old: AutoscalerV1 = {
    metadata: { ...AT },
    spec: { ...spec, targetCPUUtilizationPercentage: 80 },
  };
  await api.transport.create<AutoscalerV1>(HORIZONTAL_POD_AUTOSCALERS_V1, old);
  const now = await api.transport.get<HorizontalPodAutoscaler>(HORIZONTAL_POD_AUTOSCALERS, AT);
  const cpu = now.spec.metrics?.[0];
  expect(cpu?.resource?.target).toEqual({ type: 'Utilization', averageUtilization: 80 });
  const both = { ...now, spec: { ...now.spec, metrics: [cpu!, memory] } };
  await api.transport.update<HorizontalPodAutoscaler>(HORIZONTAL_POD_AUTOSCALERS, both);
  const body = { spec: { maxReplicas: 9 } };
  const patch = { type: 'merge', body } as const;
  const shown = await api.transport.patch<AutoscalerV1>(HORIZONTAL_POD_AUTOSCALERS_V1, AT, patch);
  expect(shown.spec.targetCPUUtilizationPercentage).toBe(80);
  const after = await api.transport.get<HorizontalPodAutoscaler>(HORIZONTAL_POD_AUTOSCALERS, AT);
  expect(after.spec).toMatchObject({ maxReplicas: 9, metrics: [cpu, memory] });
  expect(after.metadata).not.toHaveProperty('annotations');
});
