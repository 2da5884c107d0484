import { expect, test } from 'vitest';
import { SCHEMA } from '../../proto/generated/schema.ts';
import { Faults } from '../validation.ts';
import { schemaChecks } from './check.ts';
import { schemaDecoders } from './decode.ts';

const decoderOf = schemaDecoders(SCHEMA);
const checkOf = schemaChecks(SCHEMA);
const POD = 'io.k8s.api.core.v1.Pod';
const DEPLOYMENT = 'io.k8s.api.apps.v1.Deployment';

const decode = (type: string, body: Record<string, unknown>) => {
  const { unknown } = decoderOf(type)(body);
  return { body, unknown };
};

test('unknown fields are pruned and named with their path', () => {
  const { body, unknown } = decode(POD, {
    metadata: { name: 'a' },
    foo: 1,
    spec: { containers: [{ name: 'c' }, { name: 'd', imagee: 'x', resources: { limit: {} } }] },
  });
  expect(unknown).toEqual([
    'foo',
    'spec.containers[1].imagee',
    'spec.containers[1].resources.limit',
  ]);
  expect(body).not.toHaveProperty('foo');
});

test('a wrong type is refused with the field it was found in', () => {
  expect(() => decode(DEPLOYMENT, { spec: { replicas: 'three' } })).toThrow(
    'json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32',
  );
  expect(() => decode(POD, { spec: { containers: 'x' } })).toThrow(
    'json: cannot unmarshal string into Go struct field PodSpec.spec.containers of type []v1.Container',
  );
  expect(() => decode(POD, { metadata: { labels: { a: 1 } } })).toThrow(
    'cannot unmarshal number into Go struct field ObjectMeta.metadata.labels.a of type string',
  );
  expect(() => decode(POD, { spec: { hostNetwork: 1.5 } })).toThrow('number 1.5');
});

test('defaults appear only where their parent exists, and in defaulted parents', () => {
  const { body } = decode(DEPLOYMENT, { spec: { template: { spec: { containers: [{}] } } } });
  expect(body).toMatchObject({
    spec: {
      replicas: 1,
      strategy: { type: 'RollingUpdate' },
      template: { spec: { containers: [{ terminationMessagePath: '/dev/termination-log' }] } },
    },
  });
  expect((body.spec as { strategy: object }).strategy).not.toHaveProperty('rollingUpdate');
});

test('nulls and empty values vanish, but not where zero means something', () => {
  const { body } = decode(DEPLOYMENT, {
    metadata: { name: 'a', creationTimestamp: null, labels: {}, generation: 0 },
    spec: {
      replicas: 0,
      paused: false,
      template: { spec: { nodeName: '', terminationGracePeriodSeconds: 0, volumes: [] } },
    },
  });
  expect(body).toMatchObject({
    metadata: { name: 'a' },
    spec: { replicas: 0, template: { spec: { terminationGracePeriodSeconds: 0 } } },
  });
  expect(body.metadata as object).not.toHaveProperty('labels');
  expect(body.spec as object).not.toHaveProperty('paused');
  expect(JSON.stringify(body)).not.toContain('nodeName');
});

test('what is applied keeps its nulls and empty values, and no defaults come into it', () => {
  const body = {
    metadata: { labels: { a: null } },
    spec: { paused: false, replicas: null, foo: 1, template: { spec: { volumes: [] } } },
  };
  const { unknown } = decoderOf(DEPLOYMENT)(body, 'partial');
  expect(unknown).toEqual(['spec.foo']);
  expect(body).toEqual({
    metadata: { labels: { a: null } },
    spec: { paused: false, replicas: null, template: { spec: { volumes: [] } } },
  });
});

test('quantities and times take their canonical form', () => {
  const { body } = decode(POD, {
    metadata: { creationTimestamp: '2026-01-02T03:04:05.678+01:00' },
    spec: { containers: [{ resources: { requests: { cpu: 0.5, memory: '1024Mi' } } }] },
  });
  expect(body).toMatchObject({
    metadata: { creationTimestamp: '2026-01-02T02:04:05Z' },
    spec: { containers: [{ resources: { requests: { cpu: '500m', memory: '1Gi' } } }] },
  });
  const lease = { spec: { renewTime: '2026-01-02T03:04:05.678901Z' } };
  decode('io.k8s.api.coordination.v1.Lease', lease);
  expect(lease.spec.renewTime).toBe('2026-01-02T03:04:05.678901Z');
});

test('a key named __proto__ harms nobody', () => {
  const body = JSON.parse('{"metadata":{"labels":{"__proto__":null}},"__proto__":{"x":1}}');
  const { unknown } = decode(POD, body);
  expect(unknown).toEqual(['__proto__']);
  expect(JSON.stringify(body.metadata)).toBe('{"labels":{"__proto__":""}}');
  expect(Object.getPrototypeOf(body.metadata.labels)).toBe(Object.prototype);
});

test('the schema alone names required fields and unsupported values', () => {
  const faults = new Faults();
  const pod = { spec: { restartPolicy: 'Maybe', containers: [{ ports: [{ protocol: 'X' }] }] } };
  checkOf(POD)(pod, faults);
  expect(faults.causes.map(({ field, message }) => `${field}: ${message}`)).toEqual([
    'spec.containers[0].name: Required value',
    'spec.containers[0].ports[0].protocol: Unsupported value: "X": supported values: "SCTP", "TCP", "UDP"',
    'spec.restartPolicy: Unsupported value: "Maybe": supported values: "Always", "Never", "OnFailure"',
  ]);
});

test('volumes of unknown secrets bytes are refused', () => {
  expect(() => decode('io.k8s.api.core.v1.Secret', { data: { a: '!!!' } })).toThrow(
    'illegal base64 data at input byte 0',
  );
});
