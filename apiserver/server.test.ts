import { afterAll, beforeAll, expect, test } from 'vitest';
import type { KeyPair } from '../machinery/certificates.ts';
import { encodeEnvelope } from '../proto/codec.ts';
import { startTestApiServer, type TestApiServer } from '../test/api-server.ts';

let server: TestApiServer;

beforeAll(async () => {
  server = await startTestApiServer();
  await server.ask('/api/v1/namespaces', {
    method: 'POST',
    body: { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'web' } },
  });
});
afterAll(() => server.close());

const MAPS = '/api/v1/namespaces/default/configmaps';
const configMap = (name: string, data: object = {}) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name },
  data,
});
const create = (name: string, data?: object) =>
  server.ask(MAPS, { method: 'POST', body: configMap(name, data) });

interface Object {
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly resourceVersion: string;
    readonly uid: string;
  };
  readonly data?: Readonly<Record<string, string>>;
}

test('an object is created, read, replaced, patched and deleted', async () => {
  const created = await create('life', { a: '1' });
  expect(created.code).toBe(201);
  const object = created.json<Object>();
  expect(object).toMatchObject({ kind: 'ConfigMap', data: { a: '1' } });

  expect((await server.ask(`${MAPS}/life`)).json<Object>()).toEqual(object);
  const replaced = await server.ask(`${MAPS}/life`, {
    method: 'PUT',
    body: { ...object, data: { a: '2' } },
  });
  expect(replaced.code).toBe(200);
  const stale = await server.ask(`${MAPS}/life`, { method: 'PUT', body: object });
  expect([stale.code, stale.json().reason]).toEqual([409, 'Conflict']);

  const patched = await server.ask(`${MAPS}/life`, {
    method: 'PATCH',
    headers: { 'content-type': 'application/merge-patch+json' },
    body: { data: { b: '3' } },
  });
  expect(patched.json<Object>().data).toEqual({ a: '2', b: '3' });

  const deleted = await server.ask(`${MAPS}/life`, { method: 'DELETE' });
  expect(deleted.json()).toMatchObject({
    kind: 'Status',
    status: 'Success',
    details: { name: 'life', kind: 'configmaps', uid: object.metadata.uid },
  });
  expect((await server.ask(`${MAPS}/life`)).code).toBe(404);
});

test('a list carries its own names and every item as stored', async () => {
  await create('listed', { x: 'ü' });
  const list = await server.ask(`${MAPS}?fieldSelector=metadata.name%3Dlisted`);
  expect(list.headers['content-length']).toBe(String(Buffer.byteLength(list.text)));
  expect(list.json()).toMatchObject({
    kind: 'ConfigMapList',
    apiVersion: 'v1',
    metadata: { resourceVersion: expect.stringMatching(/^\d+$/) },
    items: [{ kind: 'ConfigMap', metadata: { name: 'listed' }, data: { x: 'ü' } }],
  });
});

test('a table has a row for each object, and the object as the client wants it', async () => {
  await create('tabled', { a: '', b: '' });
  const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json';
  const url = `${MAPS}?fieldSelector=metadata.name%3Dtabled`;
  const table = (await server.ask(url, { headers: { accept } })).json<Table>();
  expect(table.kind).toBe('Table');
  expect(table.columnDefinitions.map(({ name }) => name)).toEqual(['Name', 'Data', 'Age']);
  expect(table.rows[0]?.cells.slice(0, 2).map(String)).toEqual(['tabled', '2']);
  expect(table.rows[0]?.object.kind).toBe('PartialObjectMetadata');
  const whole = await server.ask(`${url}&includeObject=Object`, { headers: { accept } });
  expect(whole.json<Table>().rows[0]?.object.kind).toBe('ConfigMap');
});

interface Table {
  readonly kind: string;
  readonly columnDefinitions: readonly { readonly name: string }[];
  readonly rows: readonly {
    readonly cells: readonly unknown[];
    readonly object: { readonly kind: string };
  }[];
}

test('a watch streams what was, the mark behind it, and then what happens', async () => {
  await create('watched');
  const url =
    `${MAPS}?watch=true&sendInitialEvents=true&allowWatchBookmarks=true&timeoutSeconds=60` +
    '&resourceVersionMatch=NotOlderThan&fieldSelector=metadata.name%3Dwatched';
  const told: string[] = [];
  for await (const { type, object } of server.watch(url)) {
    const isEnd = object.metadata.annotations?.['k8s.io/initial-events-end'] === 'true';
    told.push(isEnd ? 'END' : `${type} ${object.metadata.name}`);
    if (isEnd) await server.ask(`${MAPS}/watched`, { method: 'DELETE' });
    if (type === 'DELETED') break;
  }
  expect(told).toEqual(['ADDED watched', 'END', 'DELETED watched']);
});

test('a watch in table form names its columns once, and marks without rows', async () => {
  const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io';
  const url =
    '/api/v1/pods?watch=true&sendInitialEvents=true&allowWatchBookmarks=true&timeoutSeconds=1' +
    '&resourceVersionMatch=NotOlderThan';
  const reply = await server.ask(url, { headers: { accept } });
  const [mark] = reply.text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Marked);
  expect(mark).toMatchObject({ type: 'BOOKMARK', object: { kind: 'Table', rows: [] } });
});

interface Marked {
  readonly type: string;
  readonly object: object;
}

test('a watch ends by itself when its time is up', async () => {
  const reply = await server.ask(`${MAPS}?watch=true&timeoutSeconds=1&resourceVersion=1`);
  expect(reply.code).toBe(200);
});

test('a watch that makes no sense is refused before it begins', async () => {
  const bad = await server.ask(`${MAPS}?watch=true&fieldSelector=nonsense%3D1`);
  expect([bad.code, bad.json().reason]).toEqual([400, 'BadRequest']);
});

test('who shows nothing may ask for health and version, and for nothing else', async () => {
  for (const path of ['/healthz', '/livez', '/readyz', '/readyz?verbose', '/version']) {
    expect((await server.ask(path, { as: 'nobody' })).code, path).toBe(200);
  }
  for (const path of ['/api', MAPS, '/metrics', '/openapi/v3']) {
    const reply = await server.ask(path, { as: 'nobody' });
    expect(reply.code, path).toBe(401);
    expect(reply.json().reason).toBe('Unauthorized');
  }
});

test('a stranger with a good certificate may look around, and touch nothing', async () => {
  const bob = await server.client('bob');
  expect((await server.ask('/apis', { as: bob })).code).toBe(200);
  const refused = await server.ask(MAPS, { as: bob });
  expect(refused.code).toBe(403);
  expect(refused.json()).toMatchObject({
    reason: 'Forbidden',
    message:
      'configmaps is forbidden: User "bob" cannot list resource "configmaps" in API group "" in the namespace "default"',
    details: { kind: 'configmaps' },
  });
});

test('an administrator may act as somebody else, others only where it is granted', async () => {
  const headers = { 'impersonate-user': 'ann', 'impersonate-group': 'staff' };
  const review = (as?: KeyPair) =>
    server.ask('/apis/authentication.k8s.io/v1/selfsubjectreviews', {
      method: 'POST',
      headers,
      body: { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' },
      ...(as && { as }),
    });
  expect((await review()).json()).toMatchObject({
    status: { userInfo: { username: 'ann', groups: ['staff', 'system:authenticated'] } },
  });
  expect((await server.ask(MAPS, { headers })).code).toBe(403);
  const refused = await review(await server.client('bob'));
  expect([refused.code, refused.json().message]).toEqual([
    403,
    'users "ann" is forbidden: User "bob" cannot impersonate resource "users" in API group "" at the cluster scope',
  ]);
  const alone = await server.ask(MAPS, { headers: { 'impersonate-group': 'system:masters' } });
  expect(alone.code).toBe(400);
});

test('a certificate of another authority is refused', async () => {
  const other = await startTestApiServer();
  const stranger = await other.client('admin', 'system:masters');
  await other.close();
  expect((await server.ask(MAPS, { as: stranger })).code).toBe(401);
});

test('malformed, oversized and unknown bodies get the errors that clients know', async () => {
  const post = (body: string, type = 'application/json', query = '') =>
    server.ask(MAPS + query, { method: 'POST', body, headers: { 'content-type': type } });
  const malformed = await post('{"kind":');
  expect([malformed.code, malformed.json().reason]).toEqual([400, 'BadRequest']);
  const yaml = await post('kind: [', 'application/yaml');
  expect([yaml.code, yaml.json().reason]).toEqual([400, 'BadRequest']);
  const unknown = await post('{}', 'text/csv');
  expect([unknown.code, unknown.json().reason]).toEqual([415, 'UnsupportedMediaType']);
  const large = await post(`{"data":{"a":"${'x'.repeat(3 * 1024 * 1024)}"}}`);
  expect([large.code, large.json().reason]).toEqual([413, 'RequestEntityTooLarge']);
  const deep = await post('['.repeat(50_000) + ']'.repeat(50_000));
  expect(deep.code).toBe(400);
});

test('a field given twice is refused when strict, and warned of else', async () => {
  const body =
    '{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"twice"},"data":{"a":"1","a":"2"}}';
  const headers = { 'content-type': 'application/json' };
  const ask = (mode: string) =>
    server.ask(`${MAPS}?dryRun=All&fieldValidation=${mode}`, { method: 'POST', body, headers });
  const strict = await ask('Strict');
  expect([strict.code, strict.json().message]).toEqual([
    400,
    'strict decoding error: duplicate field "data.a"',
  ]);
  expect((await ask('Warn')).headers.warning).toBe('299 - "duplicate field \\"data.a\\""');
  expect((await ask('Ignore')).headers.warning).toBeUndefined();
});

test('what is wrong with options is told field by field', async () => {
  const [query, field] = ['dryRun=Some', 'dryRun'];
  const answer = await server.ask(`${MAPS}?${query}`, { method: 'POST', body: configMap('x') });
  expect(answer.json()).toMatchObject({
    code: 422,
    message:
      'CreateOptions.meta.k8s.io "" is invalid: dryRun: Unsupported value: "Some": ' +
      'supported values: "All"',
    details: { causes: [{ field, reason: 'FieldValueNotSupported' }] },
  });
});

test('clients of before 1.22 name an older version of the same eviction', async () => {
  const ask = (apiVersion: string) =>
    server.ask('/api/v1/namespaces/default/pods/none/eviction', {
      method: 'POST',
      body: { apiVersion, kind: 'Eviction', metadata: { name: 'none' } },
    });
  expect((await ask('policy/v1beta1')).json().message).toBe('pods "none" not found');
  expect((await ask('policy/v0')).code).toBe(400);
});

test('protobuf and YAML bodies are understood; answers come in the form asked for', async () => {
  const head = { apiVersion: 'v1', kind: 'ConfigMap', type: 'io.k8s.api.core.v1.ConfigMap' };
  const protobuf = await server.ask(MAPS, {
    method: 'POST',
    headers: {
      'content-type': 'application/vnd.kubernetes.protobuf',
      accept: 'application/vnd.kubernetes.protobuf,application/json',
    },
    body: encodeEnvelope(head, configMap('binary', { a: 'b' })),
  });
  expect(protobuf.code).toBe(201);
  expect(protobuf.json<Object>()).toMatchObject({ data: { a: 'b' } });
  const only = await server.ask(`${MAPS}/binary`, {
    headers: { accept: 'application/vnd.kubernetes.protobuf' },
  });
  expect(only.headers['content-type']).toBe('application/vnd.kubernetes.protobuf');
  expect(only.text.slice(0, 4)).toBe('k8s\0');
  const yaml = await server.ask(`${MAPS}/binary`, { headers: { accept: 'application/yaml' } });
  expect(yaml.text).toContain('data:\n  a: b\n');
  const html = await server.ask(`${MAPS}/binary`, { headers: { accept: 'text/html' } });
  expect(html.code).toBe(406);
});

test('what is not there is a Status, and what is not meant is not allowed', async () => {
  const gone = await server.ask('/apis/nowhere.io/v1/things');
  expect([gone.code, gone.json().reason]).toEqual([404, 'NotFound']);
  expect((await server.ask('/nowhere')).code).toBe(404);
  expect((await server.ask('/apis/nowhere.io/v1')).code).toBe(404);
  const wide = await server.ask('/api/v1/configmaps', { method: 'POST', body: configMap('x') });
  expect([wide.code, wide.json().reason]).toEqual([405, 'MethodNotAllowed']);
  expect((await server.ask(`${MAPS}/x`, { method: 'TRACE' })).code).toBe(405);
  for (const [method, path] of [
    ['PUT', MAPS],
    ['PATCH', MAPS],
    ['POST', `${MAPS}/x`],
    ['POST', '/version'],
    ['POST', '/apis'],
  ] as const) {
    const answer = await server.ask(path, { method, body: configMap('x') });
    expect([method, path, answer.code]).toEqual([method, path, 405]);
  }
});

test('discovery answers in its aggregated and in its older form', async () => {
  const accept =
    'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,' +
    'application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json';
  const aggregated = await server.ask('/apis', { headers: { accept } });
  expect(aggregated.headers['content-type']).toBe(
    'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList',
  );
  const { items } = aggregated.json<{ items: { metadata: { name: string } }[] }>();
  expect(items.map(({ metadata }) => metadata.name)).toContain('apps');
  const etag = String(aggregated.headers.etag);
  const again = await server.ask('/apis', { headers: { accept, 'if-none-match': etag } });
  expect(again.code).toBe(304);

  expect((await server.ask('/api')).json()).toMatchObject({
    kind: 'APIVersions',
    versions: ['v1'],
  });
  const resources = (await server.ask('/api/v1')).json<{ resources: { name: string }[] }>();
  const names = resources.resources.map(({ name }) => name);
  expect(names).toEqual(expect.arrayContaining(['pods', 'pods/eviction', 'pods/log', 'services']));
});

test('OpenAPI tells kubectl that fields are validated, and how they merge', async () => {
  const { paths } = (await server.ask('/openapi/v3')).json<{
    paths: Record<string, { serverRelativeURL: string }>;
  }>();
  const url = paths['apis/apps/v1']?.serverRelativeURL ?? '';
  const document = (await server.ask(url)).json<OpenApi>();
  const patch = document.paths['/apis/apps/v1/namespaces/{namespace}/deployments/{name}']?.patch;
  expect(patch?.['x-kubernetes-group-version-kind']).toEqual({
    group: 'apps',
    version: 'v1',
    kind: 'Deployment',
  });
  expect(patch?.parameters.map(({ name }) => name)).toContain('fieldValidation');
  expect(Object.keys(patch?.requestBody.content ?? {})).toContain(
    'application/strategic-merge-patch+json',
  );
  expect(document.components.schemas).toHaveProperty(['io.k8s.api.core.v1.PodSpec']);
});

interface OpenApi {
  readonly paths: Record<
    string,
    {
      readonly patch: {
        readonly 'x-kubernetes-group-version-kind': object;
        readonly parameters: readonly { readonly name: string }[];
        readonly requestBody: { readonly content: object };
      };
    }
  >;
  readonly components: { readonly schemas: object };
}

test('older kubectl gets OpenAPI v2 in protobuf, under a name that its parser takes', async () => {
  const accept = 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf';
  const answer = await server.ask('/openapi/v2', { headers: { accept } });
  expect(answer.code).toBe(200);
  expect(answer.headers['content-type']).toMatch(/^[\w./+-]+$/);
});

test('a service account gets a token, and the token opens what it may', async () => {
  const accounts = '/api/v1/namespaces/web/serviceaccounts';
  const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'robot' } };
  await server.ask(accounts, { method: 'POST', body: account });
  const request = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} };
  const short = { ...request, spec: { expirationSeconds: 5 } };
  const refused = await server.ask(`${accounts}/robot/token`, { method: 'POST', body: short });
  expect([refused.code, refused.json().reason]).toEqual([422, 'Invalid']);

  const issued = await server.ask(`${accounts}/robot/token`, { method: 'POST', body: request });
  expect(issued.code).toBe(201);
  const { token } = issued.json<{ status: { token: string } }>().status;
  const headers = { authorization: `Bearer ${token}` };
  const self = await server.ask('/apis/authentication.k8s.io/v1/selfsubjectreviews', {
    method: 'POST',
    as: 'nobody',
    headers,
    body: { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' },
  });
  expect(self.json()).toMatchObject({
    status: { userInfo: { username: 'system:serviceaccount:web:robot' } },
  });
  expect((await server.ask(MAPS, { as: 'nobody', headers })).code).toBe(403);
  await server.ask(`${accounts}/robot`, { method: 'DELETE' });
  expect((await server.ask(MAPS, { as: 'nobody', headers })).code).toBe(401);
});
