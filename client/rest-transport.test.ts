import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { type Ca, type KeyPair, makeCa } from '../machinery/certificates.ts';
import { systemClock } from '../machinery/clock.ts';
import { notFound } from '../machinery/errors.ts';
import { systemRandom } from '../machinery/random.ts';
import { CONFIG_MAPS, DEPLOYMENTS, PODS } from '../proto/generated/resources.ts';
import type { HttpOptions } from './http-connection.ts';
import { createRestTransport } from './rest-transport.ts';

const AT = { namespace: 'default', name: 'a' };
const configMap = (name: string) => ({ metadata: { name, namespace: 'default' } });

let ca: Ca;
let serverPair: KeyPair;

beforeAll(async () => {
  ca = await makeCa('test', { clock: systemClock, random: systemRandom });
  serverPair = await ca.issue({ commonName: 's', usages: ['server'], hosts: ['127.0.0.1'] });
});

interface Seen {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly body: unknown;
}

async function serve(answer: (response: ServerResponse, seen: Seen) => void) {
  const log: Seen[] = [];
  const options = { cert: serverPair.certificate, key: serverPair.key };
  const server = createServer(options, async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { method, url, headers } = request;
    const text = Buffer.concat(chunks).toString();
    const seen = { method, url, headers, body: text === '' ? undefined : JSON.parse(text) };
    log.push(seen);
    answer(response, seen);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return { url, log };
}

function connect(server: string, options: Partial<HttpOptions> = {}) {
  const transport = createRestTransport({ server, ca: ca.certificate, ...options });
  onTestFinished(() => transport.close());
  return transport;
}

const answerWith =
  (body: unknown, code = 200) =>
  (response: ServerResponse) => {
    response.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  };

test('each verb asks at its own place', async () => {
  const { url, log } = await serve(answerWith({ ...configMap('a'), items: [] }));
  const rest = connect(url, { token: 'secret' });
  await rest.get(DEPLOYMENTS, AT);
  await rest.list(PODS, { labelSelector: 'app=web,tier!=db', limit: 5 });
  await rest.create(CONFIG_MAPS, configMap('a'), { fieldManager: 'me', dryRun: true });
  await rest.update(CONFIG_MAPS, configMap('a'), { subresource: 'status' });
  await rest.patch(CONFIG_MAPS, AT, { type: 'merge', body: { data: null } });
  await rest.delete(CONFIG_MAPS, AT, { propagationPolicy: 'Foreground' });
  await rest.deleteCollection(CONFIG_MAPS, { namespace: 'x', fieldSelector: 'a=b' });
  await rest.bind({ ...AT, uid: 'u' }, 'n1');
  expect(log.map(({ method, url }) => `${method} ${url}`)).toEqual([
    'GET /apis/apps/v1/namespaces/default/deployments/a',
    'GET /api/v1/pods?labelSelector=app%3Dweb%2Ctier%21%3Ddb&limit=5',
    'POST /api/v1/namespaces/default/configmaps?dryRun=All&fieldManager=me',
    'PUT /api/v1/namespaces/default/configmaps/a/status',
    'PATCH /api/v1/namespaces/default/configmaps/a',
    'DELETE /api/v1/namespaces/default/configmaps/a',
    'DELETE /api/v1/namespaces/x/configmaps?fieldSelector=a%3Db',
    'POST /api/v1/namespaces/default/pods/a/binding',
  ]);
  expect(log[2]?.body).toEqual({ apiVersion: 'v1', kind: 'ConfigMap', ...configMap('a') });
  expect(log[4]?.headers['content-type']).toBe('application/merge-patch+json');
  expect(log[5]?.body).toMatchObject({ kind: 'DeleteOptions', propagationPolicy: 'Foreground' });
  expect(log[7]?.body).toMatchObject({ kind: 'Binding', target: { name: 'n1' } });
  expect(log.every(({ headers }) => headers.authorization === 'Bearer secret')).toBe(true);
});

test('names cannot leave their place in the URL', async () => {
  const { url, log } = await serve(answerWith(configMap('a')));
  await connect(url).get(CONFIG_MAPS, { namespace: '../..', name: 'a/b?c#d' });
  expect(log[0]?.url).toBe('/api/v1/namespaces/..%2F../configmaps/a%2Fb%3Fc%23d');
});

test('refusals keep their reason; answers that are no Status have one by their code', async () => {
  const refused = await serve(answerWith(notFound(CONFIG_MAPS, 'a').toStatus(), 404));
  await expect(connect(refused.url).get(CONFIG_MAPS, AT)).rejects.toMatchObject({
    reason: 'NotFound',
    message: 'configmaps "a" not found',
  });
  const broken = await serve((response) => response.writeHead(503).end('<html>'));
  await expect(connect(broken.url).get(CONFIG_MAPS, AT)).rejects.toMatchObject({
    reason: 'ServiceUnavailable',
  });
});

const line = (value: unknown) => `${JSON.stringify(value)}\n`;

test('a watch yields events, bookmarks, and the error that ends it', async () => {
  const annotations = { 'k8s.io/initial-events-end': 'true' };
  const { url, log } = await serve((response) => {
    response.write(line({ type: 'ADDED', object: configMap('a') }));
    const metadata = { resourceVersion: '9', annotations };
    response.write(line({ type: 'BOOKMARK', object: { kind: 'ConfigMap', metadata } }));
    const status = {
      kind: 'Status',
      status: 'Failure',
      reason: 'Expired',
      code: 410,
      message: 'x',
    };
    response.end(line({ type: 'ERROR', object: status }));
  });
  const events: unknown[] = [];
  const { signal } = new AbortController();
  const read = async () => {
    const query = { sendInitialEvents: true };
    for await (const event of connect(url).watch(CONFIG_MAPS, query, signal)) events.push(event);
  };
  await expect(read()).rejects.toMatchObject({ reason: 'Expired' });
  expect(events).toEqual([
    { type: 'ADDED', object: configMap('a') },
    { type: 'BOOKMARK', resourceVersion: '9', initialEventsEnd: true },
  ]);
  expect(log[0]?.url).toBe(
    '/api/v1/configmaps?watch=true&sendInitialEvents=true' +
      '&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true',
  );
});

test('an aborted watch rejects with the reason; a broken one is ServiceUnavailable', async () => {
  const { url } = await serve((response, { url }) => {
    response.write(line({ type: 'ADDED', object: configMap('a') }));
    if (url?.includes('break')) response.socket?.destroy();
  });
  const stop = new AbortController();
  const read = async (labelSelector: string, onEvent: () => void) => {
    const query = { labelSelector };
    for await (const _ of connect(url).watch(CONFIG_MAPS, query, stop.signal)) onEvent();
  };
  await expect(read('break', () => {})).rejects.toMatchObject({ reason: 'ServiceUnavailable' });
  await expect(read('go', () => stop.abort(new Error('enough')))).rejects.toThrow('enough');
});

test('a server of another authority is not trusted, and plain HTTP is refused', async () => {
  const { url } = await serve(answerWith({}));
  const stranger = await makeCa('other', { clock: systemClock, random: systemRandom });
  const rest = connect(url, { ca: stranger.certificate });
  await expect(rest.get(CONFIG_MAPS, AT)).rejects.toMatchObject({ reason: 'ServiceUnavailable' });
  expect(() => createRestTransport({ server: url.replace('https', 'http') })).toThrow(/https/);
});
