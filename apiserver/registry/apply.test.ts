import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Clock, systemClock } from '../../machinery/clock.ts';
import type { WriteOptions } from '../../machinery/transport.ts';
import type { Deployment } from '../../proto/generated/apps.v1.ts';
import type { Pod } from '../../proto/generated/core.v1.ts';
import {
  CONFIG_MAPS,
  DEPLOYMENTS,
  HORIZONTAL_POD_AUTOSCALERS_V1,
  PODS,
  SERVICES,
} from '../../proto/generated/resources.ts';
import type { ApiObject, Resource } from '../../proto/resource.ts';
import { type InProcessApi, startInProcessApi } from '../../test/in-process-api.ts';

let api: InProcessApi;
let aheadMs = 0;
const clock: Clock = { ...systemClock, now: () => systemClock.now() + aheadMs };
beforeEach(async () => {
  aheadMs = 0;
  api = await startInProcessApi({ clock });
});
afterEach(() => api.close());

const AT = { namespace: 'default', name: 'a' };
const labels = { app: 'a' };
const deployment = (spec: object = {}, container: object = {}) => ({
  metadata: { name: 'a' },
  spec: {
    selector: { matchLabels: labels },
    template: {
      metadata: { labels },
      spec: { containers: [{ name: 'web', image: 'nginx:1', ...container }] },
    },
    ...spec,
  },
});

interface Options extends WriteOptions {
  readonly force?: boolean;
}

const applyTo = <T extends ApiObject>(
  resource: Resource<T>,
  body: object,
  { force, ...options }: Options = {},
): Promise<T> =>
  api.transport.patch(
    resource,
    AT,
    { type: 'apply', body, force },
    { fieldManager: 'me', ...options },
  );

const apply = (body: object, options?: Options): Promise<Deployment> =>
  applyTo(DEPLOYMENTS, body, options);

const merge = (body: object, fieldManager: string): Promise<Deployment> =>
  api.transport.patch(DEPLOYMENTS, AT, { type: 'merge', body }, { fieldManager });

const ownersOf = ({ metadata }: ApiObject): readonly string[] =>
  (metadata.managedFields ?? []).map(
    ({ manager, operation, subresource }) =>
      `${manager} ${operation}${subresource ? ` ${subresource}` : ''}`,
  );

const fieldsOf = (object: ApiObject, name: string): object | undefined =>
  object.metadata.managedFields?.find(({ manager }) => manager === name)?.fieldsV1;

test('applying makes an object where there is none, with defaults that nobody owns', async () => {
  const made = await apply(deployment());
  expect(made.spec.replicas).toBe(1);
  expect(made.metadata.uid).toBeDefined();
  expect(made.metadata.managedFields).toEqual([
    {
      manager: 'me',
      operation: 'Apply',
      apiVersion: 'apps/v1',
      time: expect.stringMatching(/^\d{4}-.*Z$/),
      fieldsType: 'FieldsV1',
      fieldsV1: {
        'f:spec': {
          'f:selector': {},
          'f:template': {
            'f:metadata': { 'f:labels': { 'f:app': {} } },
            'f:spec': {
              'f:containers': { 'k:{"name":"web"}': { '.': {}, 'f:name': {}, 'f:image': {} } },
            },
          },
        },
      },
    },
  ]);
});

test('applying the same again takes no revision, whatever the clock says', async () => {
  const zeros = deployment({ paused: false, replicas: 2 }, { env: [], stdin: false });
  const once = await apply(zeros);
  aheadMs = 60_000;
  const again = await apply(zeros);
  expect(again.metadata.resourceVersion).toBe(once.metadata.resourceVersion);
  expect(again).toEqual(once);
});

test('who scales takes the replicas; applying them otherwise is a conflict', async () => {
  await apply(deployment({ replicas: 1 }));
  const scale = { type: 'merge', body: { spec: { replicas: 3 } } } as const;
  const options = { subresource: 'scale', fieldManager: 'kubectl' };
  await api.transport.patch(DEPLOYMENTS, AT, scale, options);
  const refused = apply(deployment({ replicas: 1 }));
  const field = '.spec.replicas';
  const owner = 'conflict with "kubectl" with subresource "scale" using apps/v1';
  await expect(refused).rejects.toMatchObject({
    reason: 'Conflict',
    message: `Apply failed with 1 conflict: ${owner}: ${field}`,
    details: { causes: [{ reason: 'FieldManagerConflict', message: owner, field }] },
  });
  const forced = await apply(deployment({ replicas: 1 }), { force: true });
  expect(forced.spec.replicas).toBe(1);
  expect(ownersOf(forced)).toEqual(['me Apply']);
});

test('replicas that are not applied any more fall back to the default, or to their owner', async () => {
  await apply(deployment({ replicas: 4 }));
  expect((await apply(deployment())).spec.replicas).toBe(1);
  await apply(deployment({ replicas: 4 }));
  const body = { metadata: { name: 'a' }, spec: { replicas: 4 } };
  const scale = { type: 'apply', body } as const;
  await api.transport.patch(DEPLOYMENTS, AT, scale, { subresource: 'scale', fieldManager: 'hpa' });
  const left = await apply(deployment());
  expect(left.spec.replicas).toBe(4);
  expect(ownersOf(left)).toEqual(['hpa Apply scale', 'me Apply']);
});

test('status belongs to who writes it, through its own door', async () => {
  await apply({ ...deployment(), status: { replicas: 7 } });
  const body = { spec: { replicas: 9 }, status: { replicas: 1 } };
  const options = { subresource: 'status', fieldManager: 'controller' };
  await api.transport.patch(DEPLOYMENTS, AT, { type: 'merge', body }, options);
  const object = await apply(deployment());
  expect(object.status).toEqual({ replicas: 1 });
  expect(ownersOf(object)).toEqual(['me Apply', 'controller Update status']);
  expect(fieldsOf(object, 'controller')).toEqual({ 'f:status': { 'f:replicas': {} } });
  expect(fieldsOf(object, 'me')).not.toHaveProperty('f:status');
});

test('every write has a manager: named, or the program, or the user', async () => {
  const call = api.callTo(CONFIG_MAPS, { ...AT, name: undefined });
  const body = (name: string) => ({ metadata: { name }, data: { k: 'v' } });
  const named = await api.registry.create({ ...call, fieldManager: 'x' }, body('a'));
  const program = await api.registry.create({ ...call, userAgent: 'kubectl/v1.36' }, body('b'));
  const user = { name: 'system:kube-scheduler', groups: [] };
  const component = await api.registry.create({ ...call, user }, body('c'));
  expect([named, program, component].flatMap(({ object }) => ownersOf(object))).toEqual([
    'x Update',
    'kubectl Update',
    'kube-scheduler Update',
  ]);
  expect(fieldsOf(named.object, 'x')).toEqual({ 'f:data': { '.': {}, 'f:k': {} } });
  const long = api.registry.create({ ...call, fieldManager: 'x'.repeat(129) }, body('d'));
  await expect(long).rejects.toMatchObject({ reason: 'Invalid' });
});

test('an update that changes nothing changes no owners either', async () => {
  const made = await api.transport.create(
    DEPLOYMENTS,
    { ...deployment(), metadata: { ...AT } } as unknown as Deployment,
    { fieldManager: 'one' },
  );
  aheadMs = 60_000;
  const { managedFields: _, ...metadata } = made.metadata;
  const same = await api.transport.update(
    DEPLOYMENTS,
    { ...made, metadata },
    { fieldManager: 'two' },
  );
  expect(same).toEqual(made);
  const patched = await merge({ spec: { replicas: 1 } }, 'two');
  expect(patched.metadata.resourceVersion).toBe(made.metadata.resourceVersion);
});

test('owners can be forgotten, and are found again by the next apply', async () => {
  await apply(deployment());
  const reset = await merge({ metadata: { managedFields: [{}] } }, 'x');
  expect(reset.metadata).not.toHaveProperty('managedFields');
  expect((await merge({ spec: { replicas: 5 } }, 'x')).metadata).not.toHaveProperty(
    'managedFields',
  );
  const applied = await apply(deployment());
  expect(ownersOf(applied)).toEqual(['me Apply', 'before-first-apply Update']);
  const again = [{ op: 'replace', path: '/metadata/managedFields', value: [] }];
  const json = { type: 'json', body: again } as const;
  const empty = await api.transport.patch(DEPLOYMENTS, AT, json);
  expect(empty.metadata).not.toHaveProperty('managedFields');
});

test('a client may move ownership by hand, but not write nonsense', async () => {
  const made = await apply(deployment());
  const [entry] = made.metadata.managedFields ?? [];
  const moved = await merge({ metadata: { managedFields: [{ ...entry, manager: 'you' }] } }, 'x');
  expect(ownersOf(moved)).toEqual(['you Apply']);
  const bad = { ...entry, fieldsV1: { nonsense: {} } };
  expect(ownersOf(await merge({ metadata: { managedFields: [bad] } }, 'x'))).toEqual(['you Apply']);
});

test('patches of any shape are refused, never a crash', async () => {
  await apply(deployment());
  const bodies = [
    'x',
    7,
    null,
    [],
    [null],
    [{}],
    { metadata: 'x' },
    { metadata: null },
    [{ op: 1 }],
  ];
  for (const type of ['json', 'merge', 'strategic', 'apply'] as const) {
    for (const body of bodies) {
      const patch = { type, body };
      const options = { fieldManager: 'me' };
      const answer = await api.transport.patch(DEPLOYMENTS, AT, patch, options).catch((no) => no);
      expect(answer.reason ?? answer.kind).toMatch(/^(BadRequest|Invalid|Conflict|Deployment)$/);
    }
  }
});

test('what client-side apply set passes to kubectl without force, while it is as it was set', async () => {
  const key = 'kubectl.kubernetes.io/last-applied-configuration';
  const config = (data: object) => ({ metadata: { name: 'a' }, data });
  const last = JSON.stringify({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    ...config({ a: '1', b: '1' }),
  });
  await api.transport.create(
    CONFIG_MAPS,
    { metadata: { ...AT, annotations: { [key]: last } }, data: { a: '1', b: '1' } },
    { fieldManager: 'kubectl-client-side-apply' },
  );
  const kubectl = { fieldManager: 'kubectl' };
  await expect(applyTo(CONFIG_MAPS, config({ a: '2' }))).rejects.toMatchObject({
    reason: 'Conflict',
  });
  const patch = { type: 'merge', body: { data: { b: '7' } } } as const;
  await api.transport.patch(CONFIG_MAPS, AT, patch, { fieldManager: 'edit' });
  await expect(applyTo(CONFIG_MAPS, config({ a: '2', b: '2' }), kubectl)).rejects.toThrow(
    'Apply failed with 1 conflict: conflict with "edit" using v1: .data.b',
  );
  const { data, metadata } = await applyTo(CONFIG_MAPS, config({ a: '2' }), kubectl);
  expect(data).toEqual({ a: '2', b: '7' });
  expect(JSON.parse(metadata.annotations?.[key] ?? '')).toMatchObject({ data: { a: '2' } });
  const { resourceVersion } = metadata;
  const again = await applyTo(CONFIG_MAPS, config({ a: '2' }), kubectl);
  expect(again.metadata.resourceVersion).toBe(resourceVersion);
});

test('an address that the server chose is nobody\u2019s', async () => {
  const service = await applyTo(SERVICES, {
    metadata: { name: 'a' },
    spec: {
      ports: [
        { port: 80, name: 'a' },
        { port: 443, name: 'b' },
      ],
      selector: labels,
    },
  });
  expect(service.spec?.clusterIP).toMatch(/^10\./);
  expect(fieldsOf(service, 'me')).toEqual({
    'f:spec': {
      'f:selector': {},
      'f:ports': {
        'k:{"port":80,"protocol":"TCP"}': { '.': {}, 'f:port': {}, 'f:name': {} },
        'k:{"port":443,"protocol":"TCP"}': { '.': {}, 'f:port': {}, 'f:name': {} },
      },
    },
  });
});

test('a bad configuration is refused with what is wrong', async () => {
  const refusals = [
    [
      deployment({ replica: 1 }),
      /\(default\/a; apps\/v1, Kind=Deployment\): \.spec\.replica: field/,
    ],
    [deployment({ replicas: 'x' }), /cannot unmarshal string/],
    [{ ...deployment(), kind: 'Pod' }, /cannot be handled as a Deployment/],
    [{ metadata: { name: 'b' } }, /does not match the name on the URL/],
    [{ metadata: { name: 'a', managedFields: [{}] } }, /managedFields must be nil/],
    [null, /not a JSON object/],
    [
      deployment({}, { env: [{ name: 'A' }, { name: 'A' }] }),
      /env: duplicate entries for key \[name="A"\]/,
    ],
    [deployment({}, { ports: [{ name: 'x' }] }), /containerPort/],
  ] as const;
  for (const [body, message] of refusals) {
    await expect(apply(body as object)).rejects.toThrow(message);
  }
  await expect(apply(deployment(), { fieldManager: undefined })).rejects.toMatchObject({
    reason: 'Invalid',
    message:
      'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch',
  });
  await expect(api.transport.get(DEPLOYMENTS, AT)).rejects.toMatchObject({ reason: 'NotFound' });
});

test('a stale resourceVersion in a configuration is a conflict', async () => {
  const made = await apply(deployment());
  await merge({ spec: { replicas: 3 } }, 'x');
  const { resourceVersion } = made.metadata;
  const stale = { ...deployment(), metadata: { name: 'a', resourceVersion } };
  await expect(apply(stale)).rejects.toMatchObject({ reason: 'Conflict' });
});

test('a dry run tells what an apply would do', async () => {
  const would = await apply(deployment(), { dryRun: true });
  expect(would.metadata.managedFields).toHaveLength(1);
  await expect(api.transport.get(DEPLOYMENTS, AT)).rejects.toMatchObject({ reason: 'NotFound' });
  await apply(deployment());
  expect((await apply(deployment({ replicas: 2 }), { dryRun: true })).spec.replicas).toBe(2);
  expect((await api.transport.get(DEPLOYMENTS, AT)).spec.replicas).toBe(1);
});

test('who may only patch cannot create by applying', async () => {
  const call = api.callTo(DEPLOYMENTS, { ...AT, fieldManager: 'me' });
  const assertMay = () => {
    throw new Error('may not create');
  };
  const patch = { type: 'apply', body: deployment() } as const;
  await expect(api.registry.patch({ ...call, assertMay }, patch)).rejects.toThrow('may not create');
  let created = 0;
  const onCreate = () => created++;
  await api.registry.patch({ ...call, onCreate }, patch);
  await api.registry.patch({ ...call, onCreate, assertMay }, patch);
  expect(created).toBe(1);
});

test('appliers who meet at one object all get through', async () => {
  const managers = Array.from({ length: 6 }, (_, index) => `m${index}`);
  await Promise.all(
    managers.map((fieldManager) =>
      applyTo(
        CONFIG_MAPS,
        { metadata: { name: 'a' }, data: { [fieldManager]: 'x' } },
        { fieldManager },
      ),
    ),
  );
  const { data } = await api.transport.get(CONFIG_MAPS, AT);
  expect(Object.keys(data ?? {}).sort()).toEqual(managers);
});

test('a pod that is bound and deleted keeps its owners', async () => {
  const spec = { containers: [{ name: 'main', image: 'busybox:1' }] };
  const pod: Pod = { metadata: { ...AT }, spec };
  const made = await api.transport.create(PODS, pod, { fieldManager: 'x' });
  await api.transport.bind(AT, 'node-1');
  await api.transport.delete(PODS, AT);
  const after = await api.transport.get(PODS, AT);
  expect(after.metadata.deletionTimestamp).toBeDefined();
  expect(after.metadata.managedFields).toEqual(made.metadata.managedFields);
});

test('other versions of stored kinds cannot be applied', async () => {
  const refused = applyTo(HORIZONTAL_POD_AUTOSCALERS_V1, { metadata: { name: 'a' } });
  await expect(refused).rejects.toMatchObject({ reason: 'UnsupportedMediaType' });
});
