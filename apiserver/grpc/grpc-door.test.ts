import { TLSSocket } from 'node:tls';
import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { KeyPair } from '../../machinery/certificates.ts';
import {
  API_SERVICE,
  BINDINGS_MAX,
  type ListPage,
  type Method,
  type Ref,
  STATUS_TRAILER,
  type WatchBatch,
} from '../../proto/rpc.ts';
import { startTestApiServer, type TestApiServer } from '../../test/api-server.ts';

let server: TestApiServer;
let admin: Client;

beforeAll(async () => {
  server = await startTestApiServer();
  admin = connect(server.admin);
});
afterAll(async () => {
  admin.close();
  await server.close();
});

function connect({ certificate, key }: KeyPair): Client {
  const secure = credentials.createSsl(
    Buffer.from(server.ca.certificate),
    Buffer.from(key),
    Buffer.from(certificate),
  );
  return new Client(server.grpcAddress, secure, { 'grpc.ssl_target_name_override': 'localhost' });
}

const MAPS: Ref = {
  group: '',
  version: 'v1',
  plural: 'configmaps',
  namespace: 'default',
  name: '',
  subresource: '',
};

const call = <Q, A>(client: Client, method: Method<Q, A>, request: Q): Promise<A> =>
  new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      request,
      (error, answer) => (error ? reject(error) : resolve(answer!)),
    );
  });

const stream = <Q, A>(client: Client, method: Method<Q, A>, request: Q) =>
  client.makeServerStreamRequest(
    method.path,
    method.requestSerialize,
    method.responseDeserialize,
    request,
    new Metadata(),
  );

const jsonOf = (bytes: Uint8Array) => JSON.parse(Buffer.from(bytes).toString()) as object;

const create = (name: string) =>
  call(admin, API_SERVICE.create, {
    ref: MAPS,
    json: Buffer.from(JSON.stringify({ metadata: { name } })),
    dry_run: false,
    field_manager: '',
  });

const refusal = async (asked: Promise<unknown>) => {
  const error = await asked.then(
    () => expect.unreachable(),
    (one: ServiceError) => one,
  );
  const [trailer] = error.metadata.get(STATUS_TRAILER);
  return { code: error.code, status: JSON.parse(String(trailer)) as { reason: string } };
};

test('an object goes in and comes out as its bytes', async () => {
  const { json } = await create('one');
  expect(jsonOf(json)).toMatchObject({ kind: 'ConfigMap', metadata: { name: 'one' } });
  const got = await call(admin, API_SERVICE.get, {
    ref: { ...MAPS, name: 'one' },
    resource_version: '',
  });
  expect(jsonOf(got.json)).toEqual(jsonOf(json));
});

test('a refusal carries its Status', async () => {
  await create('two');
  expect(await refusal(create('two'))).toMatchObject({
    code: 6,
    status: { kind: 'Status', code: 409, reason: 'AlreadyExists' },
  });
  const missing = call(admin, API_SERVICE.get, {
    ref: { ...MAPS, name: 'nobody' },
    resource_version: '',
  });
  expect(await refusal(missing)).toMatchObject({ code: 5, status: { reason: 'NotFound' } });
});

test('a list comes in pages, and the last one is the end of it', async () => {
  await create('three');
  const pages: ListPage[] = [];
  const request = {
    ref: MAPS,
    selection: { label_selector: '', field_selector: 'metadata.name=three' },
    limit: 0,
    continue: '',
    resource_version: '',
    resource_version_match: '',
  };
  for await (const page of stream(admin, API_SERVICE.list, request)) pages.push(page);
  expect(pages).toHaveLength(1);
  expect(pages[0]?.items.map(jsonOf)).toMatchObject([{ metadata: { name: 'three' } }]);
  expect(Number(pages[0]?.resource_version)).toBeGreaterThan(0);
});

test('a watch tells what is, that this was all, and what comes', async () => {
  await create('four');
  const watching = stream(admin, API_SERVICE.watch, {
    ref: MAPS,
    selection: { label_selector: '', field_selector: 'metadata.name=four' },
    resource_version: '',
    send_initial_events: true,
    allow_bookmarks: true,
    timeout_seconds: 0,
  });
  watching.on('error', () => {});
  const told: string[] = [];
  for await (const { events } of watching as AsyncIterable<WatchBatch>) {
    for (const event of events) {
      told.push(event.initial_events_end ? 'END' : event.type);
      if (!event.initial_events_end) continue;
      await call(admin, API_SERVICE.delete, {
        ref: { ...MAPS, name: 'four' },
        options: Buffer.alloc(0),
      });
    }
    if (told.includes('DELETED')) break;
  }
  watching.cancel();
  expect(told).toEqual(['ADDED', 'END', 'DELETED']);
});

test('a component does what is its own, and is refused all else', async () => {
  const scheduler = connect(await server.client('system:kube-scheduler'));
  const secrets = call(scheduler, API_SERVICE.get, {
    ref: { ...MAPS, plural: 'secrets', name: 'x' },
    resource_version: '',
  });
  expect(await refusal(secrets)).toMatchObject({ code: 7, status: { reason: 'Forbidden' } });
  const bind = call(scheduler, API_SERVICE.bind, {
    namespace: 'default',
    name: 'no-such-pod',
    uid: '',
    node: 'n',
  });
  expect(await refusal(bind)).toMatchObject({ status: { reason: 'NotFound' } });
  scheduler.close();
});

test('bindings of one call are authorized one by one, and bounded', async () => {
  const binding = { namespace: 'default', name: 'no-such-pod', uid: '', node: 'n' };
  const reasonsOf = async (user: string) => {
    const client = connect(await server.client(user));
    const { refusals } = await call(client, API_SERVICE.bindAll, { bindings: [binding, binding] });
    client.close();
    return refusals.map((refusal) => (jsonOf(refusal) as { reason: string }).reason);
  };
  expect(await reasonsOf('system:kube-scheduler')).toEqual(['NotFound', 'NotFound']);
  expect(await reasonsOf('system:kube-proxy')).toEqual(['Forbidden', 'Forbidden']);
  const bindings = Array.from({ length: BINDINGS_MAX + 1 }, () => binding);
  expect(await refusal(call(admin, API_SERVICE.bindAll, { bindings }))).toMatchObject({
    status: { reason: 'BadRequest' },
  });
});

test('without a certificate there is no connection', async () => {
  const anonymous = new Client(
    server.grpcAddress,
    credentials.createSsl(Buffer.from(server.ca.certificate)),
    { 'grpc.ssl_target_name_override': 'localhost' },
  );
  const asked = call(anonymous, API_SERVICE.get, { ref: MAPS, resource_version: '' });
  await expect(asked).rejects.toMatchObject({ code: 14 });
  anonymous.close();
});

test('the certificate of a connection that is known is not read again', async () => {
  await create('known');
  const { getPeerCertificate } = TLSSocket.prototype;
  let reads = 0;
  TLSSocket.prototype.getPeerCertificate = function (this: TLSSocket, isDetailed: true) {
    reads++;
    return getPeerCertificate.call(this, isDetailed);
  } as typeof getPeerCertificate;
  try {
    await create('known-too');
  } finally {
    TLSSocket.prototype.getPeerCertificate = getPeerCertificate;
  }
  expect(reads).toBe(0);
});
