import { expect, test } from 'vitest';
import type { ConfigMap, Container, Secret, Service } from '../../proto/generated/core.v1.ts';
import { containerSpec, webPod } from '../../test/kubelet-builders.ts';
import { type EnvContext, envOf } from './env.ts';

const configMap: ConfigMap = { metadata: { name: 'cm' }, data: { k: 'v', other: 'w' } };
const secret: Secret = {
  metadata: { name: 'sec' },
  data: { pw: Buffer.from('s3cret').toString('base64') },
};
const service = (name: string, namespace: string, clusterIP: string): Service => ({
  metadata: { name, namespace },
  spec: { clusterIP, ports: [{ name: 'http', port: 80, protocol: 'TCP' }] },
});

const context = (rest: Partial<EnvContext> = {}): EnvContext => ({
  pod: webPod({ nodeName: 'node-1' }, { metadata: { name: 'web', labels: { app: 'shop' } } }),
  podIp: '10.244.1.2',
  nodeIp: '10.244.1.1',
  allocatable: { cpu: '2', memory: '4Gi' },
  objects: {
    configMap: (name) => (name === 'cm' ? configMap : undefined),
    secret: (name) => (name === 'sec' ? secret : undefined),
  },
  services: [],
  ...rest,
});

const valuesOf = (spec: Partial<Container>, rest: Partial<EnvContext> = {}) => {
  const answer = envOf(containerSpec('main', spec), context(rest));
  if (!answer.isOk) throw new Error(answer.why);
  return Object.fromEntries(answer.env);
};
const refusalOf = (spec: Partial<Container>) => {
  const answer = envOf(containerSpec('main', spec), context());
  return answer.isOk ? undefined : answer.why;
};

test('values see those before them, and nothing else', () => {
  const env = [
    { name: 'A', value: 'a' },
    { name: 'B', value: '$(A)-$(C)-$$(A)-$(A' },
    { name: 'C', value: 'c' },
  ];
  expect(valuesOf({ env })).toEqual({ A: 'a', B: 'a-$(C)-$(A)-$(A', C: 'c' });
});

test('env wins over envFrom, and the last envFrom over the first', () => {
  const envFrom = [
    { configMapRef: { name: 'cm' } },
    { prefix: 'X_', secretRef: { name: 'sec' } },
    { configMapRef: { name: 'absent', optional: true } },
  ];
  const env = [{ name: 'k', value: 'mine' }];
  expect(valuesOf({ env, envFrom })).toEqual({ k: 'mine', other: 'w', X_pw: 's3cret' });
});

test('a pod learns of itself by field and by resource', () => {
  const field = (name: string, fieldPath: string) => ({
    name,
    valueFrom: { fieldRef: { fieldPath } },
  });
  const resource = (name: string, of: string, divisor?: string) => ({
    name,
    valueFrom: { resourceFieldRef: { resource: of, ...(divisor && { divisor }) } },
  });
  const env = [
    field('NAME', 'metadata.name'),
    field('APP', "metadata.labels['app']"),
    field('IP', 'status.podIP'),
    field('NODE', 'spec.nodeName'),
    resource('CPU', 'limits.cpu'),
    resource('MILLI', 'requests.cpu', '1m'),
    resource('MEMORY', 'limits.memory', '1Mi'),
  ];
  const resources = { requests: { cpu: '250m' } };
  expect(valuesOf({ env, resources })).toEqual({
    NAME: 'web',
    APP: 'shop',
    IP: '10.244.1.2',
    NODE: 'node-1',
    CPU: '2', // Without a limit: all of the node.
    MILLI: '250',
    MEMORY: '4096',
  });
});

test('what is referred to and missing is named, unless it is optional', () => {
  const from = (valueFrom: object) => ({ env: [{ name: 'A', valueFrom }] });
  const key = (name: string, k: string, optional?: boolean) => ({
    configMapKeyRef: { name, key: k, ...(optional && { optional }) },
  });
  expect(refusalOf(from(key('absent', 'k')))).toBe('configmap "absent" not found');
  expect(refusalOf(from(key('cm', 'absent')))).toBe(
    "couldn't find key absent in ConfigMap default/cm",
  );
  expect(refusalOf(from({ secretKeyRef: { name: 'sec', key: 'x' } }))).toBe(
    "couldn't find key x in Secret default/sec",
  );
  expect(refusalOf({ envFrom: [{ secretRef: { name: 'no' } }] })).toBe('secret "no" not found');
  expect(valuesOf(from(key('absent', 'k', true)))).toEqual({});
});

test('Services of the namespace, and the API, are told by variables', () => {
  const services = [
    service('kubernetes', 'default', '10.96.0.1'),
    service('my-db', 'default', '10.96.0.7'),
    service('elsewhere', 'other', '10.96.0.8'),
    service('headless', 'default', 'None'),
  ];
  const env = valuesOf({}, { services });
  expect(env).toMatchObject({
    KUBERNETES_SERVICE_HOST: '10.96.0.1',
    MY_DB_SERVICE_HOST: '10.96.0.7',
    MY_DB_SERVICE_PORT: '80',
    MY_DB_SERVICE_PORT_HTTP: '80',
    MY_DB_PORT: 'tcp://10.96.0.7:80',
    MY_DB_PORT_80_TCP: 'tcp://10.96.0.7:80',
    MY_DB_PORT_80_TCP_ADDR: '10.96.0.7',
  });
  expect(Object.keys(env).filter((name) => /ELSEWHERE|HEADLESS/.test(name))).toEqual([]);
  const pod = webPod({ enableServiceLinks: false });
  const few = valuesOf({}, { services, pod });
  expect(few.KUBERNETES_SERVICE_HOST).toBe('10.96.0.1');
  expect(few.MY_DB_SERVICE_HOST).toBeUndefined();
});
