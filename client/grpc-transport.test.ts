import { Metadata, Server, ServerCredentials, type ServerWritableStream } from '@grpc/grpc-js';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { type Ca, type KeyPair, makeCa } from '../machinery/certificates.ts';
import { systemClock } from '../machinery/clock.ts';
import { notFound, type StatusError } from '../machinery/errors.ts';
import { systemRandom } from '../machinery/random.ts';
import { CONFIG_MAPS } from '../proto/generated/resources.ts';
import {
  API_SERVICE,
  type GetRequest,
  GRPC_CODES,
  type ListPage,
  type ListRequest,
  STATUS_TRAILER,
  type WatchBatch,
  type WatchRequest,
  type WriteRequest,
} from '../proto/rpc.ts';
import { createGrpcTransport, type GrpcOptions } from './grpc-transport.ts';

const AT = { namespace: 'default', name: 'a' };
const bytesOf = (value: unknown) => Buffer.from(JSON.stringify(value));
const configMap = (name: string) => ({ metadata: { name, namespace: 'default' } });

let ca: Ca;
let serverPair: KeyPair;
let clientPair: KeyPair;

beforeAll(async () => {
  ca = await makeCa('test', { clock: systemClock, random: systemRandom });
  const hosts = ['localhost', '127.0.0.1'];
  serverPair = await ca.issue({ commonName: 'apiserver', usages: ['server'], hosts });
  clientPair = await ca.issue({ commonName: 'tester', usages: ['client'] });
});

function signalled() {
  let fire = () => {};
  const fired = new Promise<void>((resolve) => (fire = resolve));
  return { fired, fire: () => fire() };
}

type Handlers = Partial<Record<keyof typeof API_SERVICE, (call: never, done: never) => void>>;
type Answer = (error: object | null, response?: object) => void;

async function serve(handlers: Handlers) {
  const server = new Server();
  const unimplemented = () => expect.unreachable();
  const all = Object.fromEntries(Object.keys(API_SERVICE).map((name) => [name, unimplemented]));
  server.addService(API_SERVICE as never, { ...all, ...handlers } as never);
  const pair = {
    private_key: Buffer.from(serverPair.key),
    cert_chain: Buffer.from(serverPair.certificate),
  };
  const secure = ServerCredentials.createSsl(Buffer.from(ca.certificate), [pair], true);
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', secure, (error, bound) =>
      error ? reject(error) : resolve(bound),
    ),
  );
  onTestFinished(() => server.forceShutdown());
  return { server, address: `127.0.0.1:${port}` };
}

function connect(address: string, options: Partial<GrpcOptions> = {}) {
  const transport = createGrpcTransport({
    address,
    ca: ca.certificate,
    ...clientPair,
    ...options,
  });
  onTestFinished(() => transport.close());
  return transport;
}

const refusal = (error: StatusError) => {
  const metadata = new Metadata();
  metadata.set(STATUS_TRAILER, bytesOf(error.toStatus()));
  return { code: GRPC_CODES[error.reason], details: error.message, metadata };
};

test('an object goes to the server and comes back', async () => {
  const { address } = await serve({
    create: (call: { request: WriteRequest }, done: Answer) => {
      const object = JSON.parse(String(call.request.json));
      const { ref, dry_run, field_manager } = call.request;
      done(null, { json: bytesOf({ ...object, data: { ...ref, dry_run, field_manager } }) });
    },
  });
  const created = await connect(address).create(CONFIG_MAPS, configMap('ä'), {
    fieldManager: 'me',
  });
  expect(created).toEqual({
    ...configMap('ä'),
    data: {
      group: '',
      version: 'v1',
      plural: 'configmaps',
      namespace: 'default',
      name: 'ä',
      subresource: '',
      dry_run: false,
      field_manager: 'me',
    },
  });
});

test('a refusal keeps its reason, message and details', async () => {
  const { address } = await serve({
    get: (_: { request: GetRequest }, done: Answer) => done(refusal(notFound(CONFIG_MAPS, 'a'))),
  });
  await expect(connect(address).get(CONFIG_MAPS, AT)).rejects.toMatchObject({
    reason: 'NotFound',
    message: 'configmaps "a" not found',
    details: { name: 'a', kind: 'configmaps' },
  });
});

test('the pages of a list are put together, far beyond the default message limit', async () => {
  const big = { ...configMap('big'), data: { text: 'x'.repeat(3_000_000) } };
  const { address } = await serve({
    list: (call: ServerWritableStream<ListRequest, ListPage>) => {
      const page = { resource_version: '7', continue: '', remaining: 0 };
      call.write({ ...page, items: [bytesOf(big), bytesOf(big), bytesOf(configMap('b'))] });
      call.write({ ...page, items: [bytesOf(configMap('c'))], continue: 'token', remaining: 3 });
      call.end();
    },
  });
  const list = await connect(address).list(CONFIG_MAPS, {});
  expect(list.items.map((item) => item.metadata.name)).toEqual(['big', 'big', 'b', 'c']);
  expect(list).toMatchObject({
    kind: 'ConfigMapList',
    apiVersion: 'v1',
    metadata: { resourceVersion: '7', continue: 'token', remainingItemCount: 3 },
  });
});

const EVENT = { resource_version: '', initial_events_end: false } as const;

test('a watch yields events and bookmarks until the server closes it', async () => {
  const { address } = await serve({
    watch: (call: ServerWritableStream<WatchRequest, WatchBatch>) => {
      expect(call.request).toMatchObject({ resource_version: '5', allow_bookmarks: true });
      const added = { ...EVENT, type: 'ADDED', json: bytesOf(configMap('a')) } as const;
      const mark = { type: 'BOOKMARK', json: Buffer.alloc(0), initial_events_end: true } as const;
      call.write({ events: [added, { ...mark, resource_version: '9' }] });
      call.end();
    },
  });
  const { signal } = new AbortController();
  const query = { resourceVersion: '5', allowBookmarks: true };
  const events = [];
  for await (const event of connect(address).watch(CONFIG_MAPS, query, signal)) events.push(event);
  expect(events).toEqual([
    { type: 'ADDED', object: configMap('a') },
    { type: 'BOOKMARK', resourceVersion: '9', initialEventsEnd: true },
  ]);
});

test('an aborted watch rejects with the reason, and the server hears of it', async () => {
  const cancelled = signalled();
  const { address } = await serve({
    watch: (call: ServerWritableStream<WatchRequest, WatchBatch>) => {
      call.on('cancelled', () => cancelled.fire());
      call.write({ events: [{ ...EVENT, type: 'ADDED', json: bytesOf(configMap('a')) }] });
    },
  });
  const stop = new AbortController();
  const read = async () => {
    for await (const _ of connect(address).watch(CONFIG_MAPS, {}, stop.signal)) {
      stop.abort(new Error('enough'));
    }
  };
  await expect(read()).rejects.toThrow('enough');
  await cancelled.fired;
});

test('a reader that leaves early ends the call', async () => {
  const cancelled = signalled();
  const { address } = await serve({
    watch: (call: ServerWritableStream<WatchRequest, WatchBatch>) => {
      call.on('cancelled', () => cancelled.fire());
      call.write({ events: [{ ...EVENT, type: 'ADDED', json: bytesOf(configMap('a')) }] });
    },
  });
  const { signal } = new AbortController();
  for await (const _ of connect(address).watch(CONFIG_MAPS, {}, signal)) break;
  await cancelled.fired;
});

test('a slow reader holds the server back', async () => {
  const written = { batches: 0 };
  const { address } = await serve({
    watch: (call: ServerWritableStream<WatchRequest, WatchBatch>) => {
      const json = bytesOf({ ...configMap('a'), data: { text: 'x'.repeat(1_000_000) } });
      const more = () => {
        do written.batches++;
        while (
          call.write({ events: [{ ...EVENT, type: 'MODIFIED', json }] }) &&
          written.batches < 200
        );
        if (written.batches < 200) call.once('drain', more);
      };
      more();
    },
  });
  const stop = new AbortController();
  for await (const _ of connect(address).watch(CONFIG_MAPS, {}, stop.signal)) {
    let before = -1;
    const isResting = () => {
      const isSame = written.batches === before;
      before = written.batches;
      return isSame;
    };
    await expect.poll(isResting, { interval: 200, timeout: 10_000 }).toBe(true);
    break;
  }
  expect(written.batches).toBeLessThan(60);
});

test('a server that is away, or goes away, is ServiceUnavailable; when back it is found', async () => {
  const { server, address } = await serve({
    watch: (call: ServerWritableStream<WatchRequest, WatchBatch>) => {
      call.write({ events: [{ ...EVENT, type: 'ADDED', json: bytesOf(configMap('a')) }] });
    },
  });
  const transport = connect(address);
  const read = async () => {
    const { signal } = new AbortController();
    for await (const _ of transport.watch(CONFIG_MAPS, {}, signal)) server.forceShutdown();
  };
  await expect(read()).rejects.toMatchObject({ reason: 'ServiceUnavailable' });
  await expect(transport.get(CONFIG_MAPS, AT)).rejects.toMatchObject({
    reason: 'ServiceUnavailable',
  });
});

test('a server whose certificate names another host is not trusted', async () => {
  const { address } = await serve({});
  const as = (serverName: string) => connect(address, { serverName }).get(CONFIG_MAPS, AT);
  await expect(as('other.example')).rejects.toThrow(/other\.example/);
  await expect(as('127.0.0.2')).rejects.toThrow(/127\.0\.0\.2/);
});

test('who has no certificate of the cluster gets nowhere', async () => {
  const { address } = await serve({});
  const stranger = await makeCa('other', { clock: systemClock, random: systemRandom });
  const pair = await stranger.issue({ commonName: 'tester', usages: ['client'] });
  await expect(connect(address, pair).get(CONFIG_MAPS, AT)).rejects.toMatchObject({
    reason: 'ServiceUnavailable',
  });
});
