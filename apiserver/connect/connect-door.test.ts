import { once } from 'node:events';
import { createServer, request, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestApiServer, type TestApiServer } from '../../test/api-server.ts';

let server: TestApiServer;
let kubelet: Server;
const asked: string[] = [];

/** Answers logs with what it was asked, and echoes raw bytes behind an upgrade. */
async function startKubelet(): Promise<Server> {
  const pair = await server.ca.issue({
    commonName: 'node-1',
    hosts: ['node-1'],
    usages: ['server'],
  });
  const fake = createServer({
    ca: server.ca.certificate,
    cert: pair.certificate,
    key: pair.key,
    requestCert: true,
  });
  fake.on('request', ({ url = '', socket }, response) => {
    asked.push(url);
    if (url.includes('previous=true')) {
      response.writeHead(400).end('previous terminated container "c" not found\n');
      return;
    }
    const { CN } = (socket as TLSSocket).getPeerCertificate().subject;
    response.writeHead(200, { 'Content-Type': 'text/plain' }).end(`hello ${CN}\n`);
  });
  fake.on('upgrade', ({ url = '', headers }, socket, head) => {
    asked.push(url);
    const protocol = headers['sec-websocket-protocol'];
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
        `Sec-WebSocket-Protocol: ${protocol}\r\n\r\nfirst `,
    );
    socket.write(head);
    socket.pipe(socket);
  });
  fake.listen(0, '127.0.0.1');
  await once(fake, 'listening');
  return fake;
}

const post = (path: string, body: object) => server.ask(path, { method: 'POST', body });

beforeAll(async () => {
  server = await startTestApiServer();
  kubelet = await startKubelet();
  const { port } = kubelet.address() as AddressInfo;
  const node = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'node-1' } };
  await post('/api/v1/nodes', node);
  await server.ask('/api/v1/nodes/node-1/status', {
    method: 'PATCH',
    headers: { 'content-type': 'application/merge-patch+json' },
    body: {
      status: {
        addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
        daemonEndpoints: { kubeletEndpoint: { Port: port } },
      },
    },
  });
  await post('/api/v1/namespaces/default/serviceaccounts', { metadata: { name: 'default' } });
  const container = (name: string) => ({ name, image: 'i' });
  const pod = (name: string, nodeName: string | undefined, ...names: string[]) =>
    post('/api/v1/namespaces/default/pods', {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name },
      spec: { containers: names.map(container), ...(nodeName && { nodeName }) },
    });
  await pod('one', 'node-1', 'c');
  await pod('two', 'node-1', 'a', 'b');
  await pod('waiting', undefined, 'c');
});
afterAll(async () => {
  await server.close();
  kubelet.close();
  kubelet.closeAllConnections();
});

const PODS = '/api/v1/namespaces/default/pods';

test('a log is streamed from the kubelet of the node, which knows the apiserver', async () => {
  const reply = await server.ask(`${PODS}/one/log?tailLines=5&follow=true&pretty=true`);
  expect([reply.code, reply.text]).toEqual([200, 'hello admin\n']);
  expect(asked.at(-1)).toBe('/containerLogs/default/one/c?follow=true&tailLines=5');
});

test('a refusal of the kubelet becomes a Status', async () => {
  const reply = await server.ask(`${PODS}/one/log?previous=true`);
  expect([reply.code, reply.json()]).toMatchObject([
    400,
    { reason: 'BadRequest', message: 'previous terminated container "c" not found' },
  ]);
});

test('behind a proxy, nobody at the other end is no fault of the server', async () => {
  await post('/api/v1/nodes', { metadata: { name: 'silent' } });
  const addresses = [{ type: 'InternalIP', address: '127.0.0.1' }];
  const status = { addresses, daemonEndpoints: { kubeletEndpoint: { Port: 1 } } };
  const headers = { 'content-type': 'application/merge-patch+json' };
  const body = JSON.stringify({ status });
  await server.ask('/api/v1/nodes/silent/status', { method: 'PATCH', headers, body });
  const reply = await server.ask('/api/v1/nodes/silent/proxy/metrics');
  expect([reply.code, reply.json()]).toMatchObject([
    503,
    { reason: 'ServiceUnavailable', message: expect.stringContaining('trying to reach service') },
  ]);
});

test('a proxy goes to ports that there are', async () => {
  const headers = { 'content-type': 'application/merge-patch+json' };
  const body = JSON.stringify({ status: { podIP: '192.0.2.1' } });
  await server.ask(`${PODS}/two/status`, { method: 'PATCH', headers, body });
  for (const port of ['web', '0', '65536']) {
    expect((await server.ask(`${PODS}/two:${port}/proxy/`)).code).toBe(400);
  }
});

test('of several containers one must be chosen', async () => {
  const open = await server.ask(`${PODS}/two/log`);
  expect(open.json().message).toBe(
    'a container name must be specified for pod two, choose one of: [a b]',
  );
  expect((await server.ask(`${PODS}/two/log?container=b`)).code).toBe(200);
  const wrong = await server.ask(`${PODS}/two/log?container=z`);
  expect(wrong.json().message).toBe('container z is not valid for pod two');
});

test('a pod without a node has said nothing yet, and cannot be entered', async () => {
  const log = await server.ask(`${PODS}/waiting/log`);
  expect([log.code, log.text]).toEqual([200, '']);
  const exec = await server.ask(`${PODS}/waiting/exec?command=ls`, { method: 'POST' });
  expect(exec.json().message).toBe('pod waiting does not have a host assigned');
  const missing = await server.ask(`${PODS}/nobody/log`);
  expect(missing.code).toBe(404);
});

function upgrade(path: string, as = server.admin) {
  const outgoing = request(server.httpsUrl + path, {
    ca: server.ca.certificate,
    cert: as.certificate,
    key: as.key,
    agent: false,
    headers: {
      Connection: 'Upgrade',
      Upgrade: 'websocket',
      'Sec-WebSocket-Protocol': 'v5.channel.k8s.io',
      'Sec-WebSocket-Key': 'x3JJHMbDL1EzLkh9GBhXDw==',
      'Sec-WebSocket-Version': '13',
    },
  });
  outgoing.end();
  return outgoing;
}

test('an upgrade is relayed raw, in both directions, until one end leaves', async () => {
  const outgoing = upgrade(`${PODS}/one/exec?command=sh&command=-c&stdin=true&tty=true`);
  const [response, socket, head] = await once(outgoing, 'upgrade');
  expect(response.headers['sec-websocket-protocol']).toBe('v5.channel.k8s.io');
  expect(asked.at(-1)).toBe('/exec/default/one/c?command=sh&command=-c&stdin=true&tty=true');
  let text = String(head);
  socket.on('data', (chunk: Buffer) => {
    text += chunk;
    if (text === 'first echo') socket.end();
  });
  socket.write('echo');
  await once(socket, 'close');
  expect(text).toBe('first echo');
});

test('an upgrade that is refused gets a plain answer', async () => {
  const nobody = upgrade(`${PODS}/nobody/exec?command=ls`);
  const [missing] = await once(nobody, 'response');
  expect(missing.statusCode).toBe(404);
  const bob = upgrade(`${PODS}/one/exec?command=ls`, await server.client('bob'));
  const [forbidden] = await once(bob, 'response');
  expect(forbidden.statusCode).toBe(403);
  const list = upgrade(PODS);
  const [odd] = await once(list, 'response');
  expect(odd.statusCode).toBe(200);
});

test('a proxy does not lead back into the machine of the apiserver', async () => {
  await server.ask(`${PODS}/one/status`, {
    method: 'PATCH',
    headers: { 'content-type': 'application/merge-patch+json' },
    body: { status: { podIP: '127.0.0.1' } },
  });
  const reply = await server.ask(`${PODS}/one:80/proxy/`);
  expect([reply.code, reply.json().message]).toEqual([400, 'address 127.0.0.1 is not allowed']);
});
