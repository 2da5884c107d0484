// Whatever fits the schema gets an object or a refusal, never a crash: bodies made from the schema
// tables at random, for every kind, through the whole way of a write.

import { expect, test } from 'vitest';
import { StatusError } from '../../machinery/errors.ts';
import { NAMESPACES, SERVICE_ACCOUNTS } from '../../proto/generated/resources.ts';
import { SCHEMA } from '../../proto/generated/schema.ts';
import type { ApiObject } from '../../proto/resource.ts';
import type { FieldSchema } from '../../proto/schema.ts';
import { type InProcessApi, startInProcessApi } from '../../test/in-process-api.ts';
import { SeededRandom } from '../../test/sim/seeded-random.ts';
import { columnsOf } from '../registry/columns.ts';
import type { Kind } from '../registry/kind.ts';
import type { Call } from '../registry/registry.ts';
import { KINDS } from './kinds.ts';

const BODIES_PER_KIND = 60;
const DEPTH_MAX = 7;
const SEED = 20_260_101;

const TEMPLATE = {
  metadata: { labels: { app: 'a' } },
  spec: { containers: [{ name: 'main', image: 'busybox:1' }] },
};
const ONCE = { ...TEMPLATE, spec: { ...TEMPLATE.spec, restartPolicy: 'Never' } };
const WORKLOAD = { selector: { matchLabels: { app: 'a' } }, template: TEMPLATE };
const ROLE = { roleRef: { kind: 'ClusterRole', name: 'r' } };

/** Bodies that are right, of kinds that chance hardly ever gets right. */
const BASES: Readonly<Record<string, object>> = {
  Pod: { spec: { ...TEMPLATE.spec, initContainers: [{ name: 'first', image: 'busybox:1' }] } },
  Service: { spec: { type: 'NodePort', ports: [{ port: 80 }] } },
  Deployment: { spec: WORKLOAD },
  ReplicaSet: { spec: WORKLOAD },
  DaemonSet: { spec: WORKLOAD },
  StatefulSet: { spec: { ...WORKLOAD, serviceName: 'a' } },
  ReplicationController: { spec: { template: TEMPLATE } },
  Job: { spec: { template: ONCE } },
  CronJob: { spec: { schedule: '* * * * *', jobTemplate: { spec: { template: ONCE } } } },
  RoleBinding: ROLE,
  ClusterRoleBinding: ROLE,
  HorizontalPodAutoscaler: {
    spec: { maxReplicas: 3, scaleTargetRef: { kind: 'Deployment', name: 'a' } },
  },
  PersistentVolume: {
    spec: {
      capacity: { storage: '1Gi' },
      accessModes: ['ReadWriteOnce'],
      hostPath: { path: '/data' },
    },
  },
  PersistentVolumeClaim: {
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
  },
};

type Draw = (below: number) => number;

const SCALARS: Readonly<Record<string, readonly unknown[]>> = {
  string: ['', 'a', 'web', 'B_d', 'x/y', '10.96.1.1', 'None', 'Always', '*'],
  boolean: [true, false],
  int32: [0, 1, -1, 80, 70_000],
  int64: [0, 1, -5, 3600],
  double: [0, 1.5],
  bytes: ['', 'YQ=='],
  quantity: ['1', '100m', '1Gi', '-1', 2],
  intOrString: [0, 1, '25%', 'http', '', -1],
  time: ['2026-01-01T00:00:00Z'],
  microTime: ['2026-01-01T00:00:00.000000Z'],
  duration: ['1s'],
  fieldsV1: [{}],
  rawJson: [{}, 'x', 1, null],
  stringList: [[], ['a']],
};

function randomMessage(type: string, draw: Draw, depth: number): Record<string, unknown> {
  const object: Record<string, unknown> = {};
  // Some objects are bare, some are full.
  const density = draw(4);
  for (const [name, field] of Object.entries(SCHEMA[type]!.fields)) {
    if (name === 'apiVersion' || name === 'kind' || draw(4) > density) continue;
    object[name] = randomField(field, draw, depth);
  }
  return object;
}

function randomField(field: FieldSchema, draw: Draw, depth: number): unknown {
  if (field.shape === 'list') {
    return Array.from({ length: draw(3) }, () => randomValue(field, draw, depth));
  }
  if (field.shape === 'map') {
    const keys = ['a', 'cpu', 'x/y', '__proto__', 'constructor'].slice(0, draw(6));
    return Object.fromEntries(keys.map((key) => [key, randomValue(field, draw, depth)]));
  }
  return draw(20) === 0 ? null : randomValue(field, draw, depth);
}

function randomValue(field: FieldSchema, draw: Draw, depth: number): unknown {
  if (field.enum && draw(3) > 0) return field.enum[draw(field.enum.length)];
  if (typeof field.type === 'object') {
    return depth >= DEPTH_MAX ? {} : randomMessage(field.type.ref, draw, depth + 1);
  }
  const values = SCALARS[field.type]!;
  return values[draw(values.length)];
}

async function accepted(work: () => Promise<unknown>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    if (error instanceof StatusError) return false;
    throw error;
  }
}

async function tryWrites(api: InProcessApi, kind: Kind, draw: Draw): Promise<number> {
  let made = 0;
  const namespace = kind.resource.namespaced ? 'fuzz' : undefined;
  for (let i = 0; i < BODIES_PER_KIND; i++) {
    const name = `a${i}`;
    const body = { ...randomMessage(kind.resource.type, draw, 0), metadata: { name } };
    const call = api.callTo(kind.resource, { namespace, name });
    const wasMade = await accepted(() => api.registry.create(call, structuredClone(body)));
    const patch = { type: 'merge' as const, body };
    if (!wasMade) continue;
    made++;
    expectReadable(kind, (await api.registry.get(call)).object);
    const other = { ...randomMessage(kind.resource.type, draw, 0), metadata: { name } };
    await accepted(() => api.registry.update(call, other));
    await accepted(() => api.registry.patch(call, patch));
    const status = { ...call, subresource: 'status' };
    await accepted(() => api.registry.patch(status, patch));
    const strategic = { type: 'strategic' as const, body };
    await accepted(() => api.registry.patch(call, strategic));
    await tryApply(api, call, body);
    await accepted(() => api.registry.delete(call, { gracePeriodSeconds: draw(3) - 1 }));
  }
  return made;
}

/** What was applied and accepted says nothing new the second time. */
async function tryApply(api: InProcessApi, call: Call, body: object): Promise<void> {
  if (call.kind.view) return;
  const apply = () =>
    api.registry.patch({ ...call, fieldManager: 'fuzz' }, { type: 'apply', body, force: true });
  if (!(await accepted(apply))) return;
  const { revision } = await api.registry.get(call);
  const again = await apply();
  expect(again.revision, JSON.stringify(body)).toBe(revision);
}

/** Starts from what is right and goes astray step by step: patches are accepted now and then. */
async function tryPatches(api: InProcessApi, kind: Kind, draw: Draw): Promise<void> {
  const namespace = kind.resource.namespaced ? 'fuzz' : undefined;
  const metadata = { name: 'base' };
  const call = api.callTo(kind.resource, { namespace, name: metadata.name });
  await api.registry.create(call, structuredClone({ ...BASES[kind.resource.kind], metadata }));
  for (let i = 0; i < BODIES_PER_KIND; i++) {
    const all = randomMessage(kind.resource.type, draw, 0);
    const part = draw(2) === 0 ? 'spec' : 'status';
    const body = { [part]: all[part] ?? {} };
    const type = draw(2) === 0 ? ('merge' as const) : ('strategic' as const);
    const door = draw(2) === 0 && kind.hasStatus ? { ...call, subresource: 'status' } : call;
    await accepted(() => api.registry.patch(door, { type, body }));
    if (draw(4) === 0) await tryApply(api, door, { metadata, ...body });
    if (!(await accepted(() => api.registry.get(call)))) return;
    expectReadable(kind, (await api.registry.get(call)).object);
  }
}

function expectReadable(kind: Kind, object: ApiObject): void {
  for (const column of columnsOf(kind)) {
    expect(['string', 'number'], column.name).toContain(typeof column.value(object, 0));
  }
  for (const [field, getter] of Object.entries(kind.fields ?? {})) {
    expect(typeof getter(object), field).toBe('string');
  }
}

test.each(KINDS.map((kind) => [kind.resource.kind, kind] as const))(
  'no body breaks %s',
  async (_, kind) => {
    const api = await startInProcessApi();
    await api.transport.create(NAMESPACES, { metadata: { name: 'fuzz' }, spec: {} });
    const account = { metadata: { namespace: 'fuzz', name: 'default' } };
    await api.transport.create(SERVICE_ACCOUNTS, account);
    const random = new SeededRandom(SEED);
    const draw: Draw = (below) => Math.floor(random.fraction() * below);
    const made = await tryWrites(api, kind, draw);
    if (Object.hasOwn(BASES, kind.resource.kind)) await tryPatches(api, kind, draw);
    else expect(made, 'bodies that were accepted').toBeGreaterThan(0);
    await api.close();
  },
);
