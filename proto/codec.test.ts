// The protobuf codec: what upstream's clients send must become the JSON they meant.

import fc from 'fast-check';
import protobuf from 'protobufjs/minimal.js';
import { expect, test } from 'vitest';
import {
  DecodeError,
  decode,
  decodeEnvelope,
  EncodeError,
  encode,
  encodeEnvelope,
} from './codec.ts';
import { SCHEMA } from './generated/schema.ts';
import type { FieldSchema } from './schema.ts';
import { formatDuration, parseDuration } from './wire/duration.ts';

const POD = 'io.k8s.api.core.v1.Pod';
const DEPLOYMENT = 'io.k8s.api.apps.v1.Deployment';
const CONFIG_MAP = 'io.k8s.api.core.v1.ConfigMap';

/** Bytes of a length-delimited field. */
function field(number: number, content: Uint8Array | string): Uint8Array {
  const writer = protobuf.Writer.create().uint32((number << 3) | 2);
  return writer.bytes(typeof content === 'string' ? Buffer.from(content) : content).finish();
}

const varint = (number: number, value: number): Uint8Array =>
  protobuf.Writer.create()
    .uint32(number << 3)
    .int64(value)
    .finish();

const message = (...parts: Uint8Array[]): Uint8Array => Buffer.concat(parts);

test('a config map as a Go client writes it becomes the JSON that the user meant', () => {
  const meta = message(
    field(1, 'colors'),
    field(2, ''),
    field(3, 'default'),
    field(4, ''),
    field(5, ''),
    field(6, ''),
    varint(7, 0),
    field(8, ''),
  );
  const entry = message(field(1, 'sky'), field(2, 'blue'));
  const body = message(
    Buffer.from('k8s\0'),
    field(1, message(field(1, 'v1'), field(2, 'ConfigMap'))),
    field(2, message(field(1, meta), field(2, entry))),
    field(3, ''),
    field(4, ''),
  );
  const envelope = decodeEnvelope(body);
  expect(envelope).toMatchObject({ apiVersion: 'v1', kind: 'ConfigMap' });
  expect(decode(CONFIG_MAP, envelope.raw)).toEqual({
    metadata: { name: 'colors', namespace: 'default' },
    data: { sky: 'blue' },
  });
});

/** The body of `kubectl create deployment web --image=nginx --replicas=0 --port=80`, v1.32. */
const KUBECTL_BODY =
  'azhzAAoVCgdhcHBzL3YxEgpEZXBsb3ltZW50ErgBCh8KA3dlYhIAGgAiACoAMgA4AEIAWgoKA2FwcBIDd2ViEoYBCAAS' +
  'DAoKCgNhcHASA3dlYhpsChwKABIAGgAiACoAMgA4AEIAWgoKA2FwcBIDd2ViEkwSLgoFbmdpbngSBW5naW54KgAyCgoA' +
  'EAAYUCIAKgBCAGoAcgCAAQCIAQCQAQCiAQAaADIAQgBKAFIAWABgAGgAggEAigEAmgEAwgEAIgIKACgAOAAaDAgAEAAY' +
  'ACAAKAA4ABoAIgA=';

test('what kubectl create deployment sends is decoded', () => {
  const { apiVersion, kind, raw } = decodeEnvelope(Buffer.from(KUBECTL_BODY, 'base64'));
  expect({ apiVersion, kind }).toEqual({ apiVersion: 'apps/v1', kind: 'Deployment' });
  const labels = { app: 'web' };
  const nginx = { name: 'nginx', image: 'nginx', ports: [{ containerPort: 80 }] };
  expect(decode(DEPLOYMENT, raw)).toEqual({
    metadata: { name: 'web', labels },
    spec: {
      replicas: 0,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [nginx] } },
    },
  });
});

test('zero is kept where it differs from absent, and dropped where it does not', () => {
  const spec = { replicas: 0, minReadySeconds: 0, template: { spec: { hostNetwork: false } } };
  const decoded = decode(DEPLOYMENT, encode(DEPLOYMENT, { spec }));
  expect(decoded).toEqual({ spec: { replicas: 0, template: {} } });
});

test('an empty object survives where its presence says something', () => {
  const pod = {
    spec: { containers: [{ name: 'a', resources: {} }], volumes: [{ name: 'v', emptyDir: {} }] },
  };
  expect(decode(POD, encode(POD, pod))).toEqual({
    spec: { containers: [{ name: 'a' }], volumes: [{ name: 'v', emptyDir: {} }] },
  });
});

test('inlined messages are flat in JSON and nested on the wire', () => {
  const probe = { httpGet: { port: 'web', path: '/ok' }, periodSeconds: 5 };
  const type = 'io.k8s.api.core.v1.Probe';
  const bytes = encode(type, probe);
  const port = message(varint(1, 1), varint(2, 0), field(3, 'web'));
  const get = message(field(1, '/ok'), field(2, port));
  expect(Buffer.from(bytes)).toEqual(message(field(1, field(2, get)), varint(4, 5)));
  expect(decode(type, bytes)).toEqual(probe);
});

test('numbers may come packed', () => {
  const type = 'io.k8s.api.core.v1.ContainerRestartRuleOnExitCodes';
  const packed = message(field(1, 'In'), field(2, Buffer.from([1, 2, 42])));
  const loose = message(field(1, 'In'), varint(2, 1), varint(2, 2), varint(2, 42));
  expect(decode(type, packed)).toEqual({ operator: 'In', values: [1, 2, 42] });
  expect(decode(type, loose)).toEqual({ operator: 'In', values: [1, 2, 42] });
});

test('fields that the tables do not know are skipped', () => {
  const bytes = message(field(900, 'future'), varint(901, 7), field(2, field(1, 'k')));
  expect(decode(CONFIG_MAP, bytes)).toEqual({ data: { k: '' } });
});

test('micro times keep six decimals, times none, an unset time is absent', () => {
  const type = 'io.k8s.api.coordination.v1.LeaseSpec';
  const at = { renewTime: '2026-01-02T03:04:05.678901Z' };
  expect(decode(type, encode(type, at))).toEqual(at);
  expect(decode(type, encode(type, { renewTime: '2026-01-02T05:04:05.5+02:00' }))).toEqual({
    renewTime: '2026-01-02T03:04:05.500000Z',
  });
  expect(decode(type, field(4, ''))).toEqual({});
});

test('bytes that are no object of the type are a DecodeError', () => {
  const cut = encode(POD, { metadata: { name: 'a-name' } }).subarray(0, 6);
  expect(() => decode(POD, cut)).toThrow(DecodeError);
  expect(() => decode(POD, varint(1, 5))).toThrow('wire type 0 where 2 belongs');
  expect(() => decode('io.k8s.api.core.v1.Nothing', new Uint8Array())).toThrow(DecodeError);
  expect(() => decodeEnvelope(Buffer.from('{"kind":"Pod"}'))).toThrow(DecodeError);
});

test('nesting is bounded both ways', () => {
  const type = 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps';
  let deep: object = {};
  for (let level = 0; level < 200; level += 1) deep = { not: deep };
  expect(() => encode(type, deep)).toThrow('nested too deeply');
  const number = SCHEMA[type]?.fields.not?.number ?? 0;
  let bytes: Uint8Array = new Uint8Array();
  for (let level = 0; level < 200; level += 1) bytes = field(number, bytes);
  expect(() => decode(type, bytes)).toThrow('nested too deeply');
});

test('a value of the wrong type is an EncodeError that names its path', () => {
  const pod = { spec: { containers: [{ name: 5 }] } };
  expect(() => encode(POD, pod)).toThrow(EncodeError);
  expect(() => encode(POD, pod)).toThrow('spec.containers.name: not a string');
});

test('a map key cannot reach the prototype', () => {
  const entry = message(field(1, '__proto__'), field(2, 'x'));
  const decoded = decode(CONFIG_MAP, field(2, entry)) as { data: object };
  expect(Object.getPrototypeOf(decoded.data)).toBe(Object.prototype);
  expect(Object.keys(decoded.data)).toEqual(['__proto__']);
});

test('durations are written as Go writes them', () => {
  const texts = ['0s', '1ns', '1.5µs', '250ms', '1s', '1m30s', '1h0m0.25s', '-2m0s', '720h0m0s'];
  for (const text of texts) expect(formatDuration(parseDuration(text) ?? Number.NaN)).toBe(text);
  expect(parseDuration('10')).toBeUndefined();
  expect(parseDuration('')).toBeUndefined();
});

const TEXT = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 });

/** Times from 1970 to 2100, in milliseconds. */
const TIMES = fc.integer({ min: 0, max: 4_102_444_800_000 });

const SCALARS = {
  string: TEXT,
  boolean: fc.constant(true),
  int32: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }).filter(Boolean),
  int64: fc.maxSafeInteger().filter(Boolean),
  double: fc.double({ noNaN: true, noDefaultInfinity: true }).filter(Boolean),
  bytes: fc.uint8Array({ minLength: 1 }).map((bytes) => Buffer.from(bytes).toString('base64')),
  quantity: fc.constantFrom('1', '250m', '64Mi'),
  intOrString: fc.oneof(fc.integer({ min: 1, max: 65535 }), fc.constantFrom('25%', 'web')),
  time: TIMES.map((ms) => new Date(ms).toISOString().replace(/\.\d+/, '')),
  microTime: TIMES.map((ms) => new Date(ms).toISOString().replace('Z', '123Z')),
  duration: fc.constantFrom('1s', '1m30s', '250ms'),
  fieldsV1: fc.constant({ 'f:metadata': { 'f:labels': {} } }),
  rawJson: fc.constantFrom({ a: 1 }, [1, 'b'], 'text', 7),
  stringList: fc.array(TEXT),
};

/** Random objects of a type that hold no zero values: those must survive the way unchanged. */
function objectsOf(type: string, depth: number): fc.Arbitrary<object> {
  const fields = Object.entries(SCHEMA[type]?.fields ?? {}).filter(
    ([, schema]) => schema.number > 0 && (depth > 0 || typeof schema.type === 'string'),
  );
  const record = Object.fromEntries(
    fields.map(([name, schema]) => [name, valuesOf(schema, depth)] as const),
  );
  return fc
    .uniqueArray(fc.constantFrom(...Object.keys(record), ''), { maxLength: 5 })
    .chain((names) =>
      fc.record(Object.fromEntries(names.flatMap((name) => toEntry(name, record[name])))),
    );
}

const toEntry = (name: string, values: fc.Arbitrary<unknown> | undefined) =>
  values === undefined ? [] : [[name, values] as const];

function valuesOf(schema: FieldSchema, depth: number): fc.Arbitrary<unknown> {
  const { type } = schema;
  const single: fc.Arbitrary<unknown> =
    typeof type === 'object' ? objectsOf(type.ref, depth - 1) : SCALARS[type];
  if (schema.shape === 'list') return fc.array(single, { minLength: 1, maxLength: 2 });
  if (schema.shape === 'map') return fc.dictionary(TEXT, single, { minKeys: 1, maxKeys: 2 });
  const isMessage = typeof type === 'object' && schema.pointer === undefined;
  return isMessage ? single.filter((value) => !isHollow(value)) : single;
}

/** Whether nothing but empty objects is inside: such a value is dropped on the way. */
const isHollow = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && Object.values(value).every(isHollow);

test.each([POD, DEPLOYMENT, 'io.k8s.api.core.v1.Node', 'io.k8s.api.core.v1.Service', CONFIG_MAP])(
  'any %s survives encode and decode',
  (type) => {
    fc.assert(
      fc.property(objectsOf(type, 4), (object) => {
        expect(decode(type, encode(type, object))).toEqual(object);
      }),
      { numRuns: 200 },
    );
  },
);

test('random bytes are decoded or refused, nothing else', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      try {
        decode(POD, bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(DecodeError);
      }
    }),
    { numRuns: 2000 },
  );
});

test('the envelope survives', () => {
  const bytes = encodeEnvelope(
    { apiVersion: 'v1', kind: 'Pod', type: POD },
    { metadata: { name: 'p' } },
  );
  const { apiVersion, kind, raw } = decodeEnvelope(bytes);
  expect({ apiVersion, kind }).toEqual({ apiVersion: 'v1', kind: 'Pod' });
  expect(decode(POD, raw)).toEqual({ metadata: { name: 'p' } });
});
