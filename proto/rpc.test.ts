import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import protobuf from 'protobufjs';
import { expect, test } from 'vitest';
import { API_SERVICE, MESSAGES } from './rpc.ts';

const parsed = protobuf.parse(readFileSync('proto/rpc.proto', 'utf8'), { keepCase: true }).root;
const fileMessage = (name: string) => parsed.lookupType(`wherry.rpc.v1.${name}`);

const REF = fc.record({
  group: fc.string(),
  version: fc.string(),
  plural: fc.string(),
  namespace: fc.string(),
  name: fc.string(),
  subresource: fc.string(),
});
const SELECTION = fc.record({ label_selector: fc.string(), field_selector: fc.string() });
const BYTES = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes));
const UINT32 = fc.integer({ min: 0, max: 0xffffffff });

const BIND_REQUEST = fc.record({
  namespace: fc.string(),
  name: fc.string(),
  uid: fc.string(),
  node: fc.string(),
});

const SAMPLES = {
  Object: fc.record({ json: BYTES }),
  GetRequest: fc.record({ ref: REF, resource_version: fc.string() }),
  ListRequest: fc.record({
    ref: REF,
    selection: SELECTION,
    limit: UINT32,
    continue: fc.string(),
    resource_version: fc.string(),
    resource_version_match: fc.string(),
  }),
  ListPage: fc.record({
    items: fc.array(BYTES),
    resource_version: fc.string(),
    continue: fc.string(),
    remaining: UINT32,
  }),
  WatchRequest: fc.record({
    ref: REF,
    selection: SELECTION,
    resource_version: fc.string(),
    send_initial_events: fc.boolean(),
    allow_bookmarks: fc.boolean(),
    timeout_seconds: UINT32,
  }),
  WatchBatch: fc.record({
    events: fc.array(
      fc.record({
        type: fc.constantFrom('ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK'),
        json: BYTES,
        resource_version: fc.string(),
        initial_events_end: fc.boolean(),
      }),
    ),
  }),
  WriteRequest: fc.record({
    ref: REF,
    json: BYTES,
    dry_run: fc.boolean(),
    field_manager: fc.string(),
  }),
  PatchRequest: fc.record({
    ref: REF,
    type: fc.constantFrom('JSON', 'MERGE', 'STRATEGIC', 'APPLY'),
    patch: BYTES,
    dry_run: fc.boolean(),
    field_manager: fc.string(),
    force: fc.boolean(),
  }),
  DeleteRequest: fc.record({ ref: REF, options: BYTES }),
  DeleteCollectionRequest: fc.record({ ref: REF, selection: SELECTION, options: BYTES }),
  BindRequest: BIND_REQUEST,
  BindReply: fc.record({}),
  BindBatch: fc.record({ bindings: fc.array(BIND_REQUEST) }),
  BindResults: fc.record({ refusals: fc.array(BYTES) }),
} satisfies Record<keyof typeof MESSAGES, fc.Arbitrary<object>>;

test.each(Object.keys(MESSAGES) as (keyof typeof MESSAGES)[])(
  'what one side writes of %s the .proto file reads, and the other way round',
  (name) => {
    const codec = MESSAGES[name] as { encode(m: object): Buffer; decode(b: Uint8Array): object };
    const type = fileMessage(name);
    const options = { enums: String, defaults: true, arrays: true } as const;
    fc.assert(
      fc.property(SAMPLES[name] as fc.Arbitrary<object>, (sample) => {
        const ours = codec.encode(sample);
        expect(type.toObject(type.decode(ours), options)).toEqual(sample);
        const theirs = type.encode(type.fromObject(sample)).finish();
        expect(codec.decode(theirs)).toEqual(sample);
      }),
      { numRuns: 30 },
    );
  },
);

test('the service has the methods of the .proto file', () => {
  const service = parsed.lookupService('wherry.rpc.v1.Api');
  const ours = Object.values(API_SERVICE).map(({ path, responseStream }) => [path, responseStream]);
  const theirs = service.methodsArray.map(({ name, responseStream }) => [
    `/wherry.rpc.v1.Api/${name}`,
    responseStream ?? false,
  ]);
  expect(ours).toEqual(theirs);
});

test('bytes are views into what was received', () => {
  const encoded = MESSAGES.Object.encode({ json: Buffer.from('{"a":1}') });
  const { json } = MESSAGES.Object.decode(encoded);
  expect(json.buffer).toBe(encoded.buffer);
});

test('a batch that is encoded already passes through', () => {
  const encoded = MESSAGES.WatchBatch.encode({ events: [] });
  expect(API_SERVICE.watch.responseSerialize(encoded)).toBe(encoded);
});

test('broken bytes are refused, never read beyond their end', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 30 }), (noise) => {
      try {
        MESSAGES.WatchBatch.decode(noise);
      } catch (error) {
        expect(error).toBeInstanceOf(Error);
      }
    }),
  );
});
