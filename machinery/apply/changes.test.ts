import { expect, test } from 'vitest';
import { SCHEMA } from '../../proto/generated/schema.ts';
import { changesBetween, fieldsOfNew } from './changes.ts';
import { objectShapes } from './shape.ts';

const shapeOf = objectShapes(SCHEMA);
const POD = shapeOf('io.k8s.api.core.v1.Pod');
const DEPLOYMENT = shapeOf('io.k8s.api.apps.v1.Deployment');
const SERVICE = shapeOf('io.k8s.api.core.v1.Service');

const container = (more: object = {}) => ({ name: 'web', image: 'nginx', ...more });
const pod = (more: object = {}, containers: readonly object[] = [container()]) => ({
  metadata: { name: 'a', ...more },
  spec: { containers },
});

test('a new deployment has the fields that upstream lists for one', () => {
  const fields = fieldsOfNew(DEPLOYMENT, {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'a', namespace: 'b', uid: 'c', generation: 1, labels: { app: 'x' } },
    spec: {
      replicas: 1,
      selector: { matchLabels: { app: 'x' } },
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%' } },
      template: {
        metadata: { labels: { app: 'x' } },
        spec: {
          containers: [
            container({
              ports: [{ containerPort: 80, protocol: 'TCP' }],
              resources: { limits: { cpu: '1' } },
              args: ['a', 'b'],
            }),
          ],
          nodeSelector: { disk: 'ssd' },
        },
      },
    },
  });
  expect(fields).toEqual({
    'f:metadata': { 'f:labels': { '.': {}, 'f:app': {} } },
    'f:spec': {
      'f:replicas': {},
      'f:selector': {},
      'f:strategy': { 'f:type': {}, 'f:rollingUpdate': { '.': {}, 'f:maxSurge': {} } },
      'f:template': {
        'f:metadata': { 'f:labels': { '.': {}, 'f:app': {} } },
        'f:spec': {
          'f:nodeSelector': {},
          'f:containers': {
            'k:{"name":"web"}': {
              '.': {},
              'f:name': {},
              'f:image': {},
              'f:args': {},
              'f:ports': {
                '.': {},
                'k:{"containerPort":80,"protocol":"TCP"}': {
                  '.': {},
                  'f:containerPort': {},
                  'f:protocol': {},
                },
              },
              'f:resources': { '.': {}, 'f:limits': { '.': {}, 'f:cpu': {} } },
            },
          },
        },
      },
    },
  });
});

test('set and removed fields are told apart, unchanged ones are not told', () => {
  const before = pod({ labels: { a: '1', b: '2' }, finalizers: ['x/y'] });
  const after = pod({ labels: { a: '1', b: '3', c: '4' } }, [container({ image: 'httpd' })]);
  expect(changesBetween(POD, before, after)).toEqual({
    set: {
      'f:metadata': { 'f:labels': { 'f:b': {}, 'f:c': {} } },
      'f:spec': { 'f:containers': { 'k:{"name":"web"}': { 'f:image': {} } } },
    },
    removed: { 'f:metadata': { 'f:finalizers': { '.': {}, 'v:"x/y"': {} } } },
  });
});

test('an element that goes takes all of its fields along', () => {
  const before = pod({}, [container(), { name: 'log', image: 'busybox' }]);
  expect(changesBetween(POD, before, pod()).removed).toEqual({
    'f:spec': { 'f:containers': { 'k:{"name":"log"}': { '.': {}, 'f:name': {}, 'f:image': {} } } },
  });
});

test('zeros, nulls and empty values are no change', () => {
  const before = { metadata: {}, spec: { template: { spec: { containers: [] } } } };
  const after = {
    metadata: { labels: {}, annotations: null },
    spec: { paused: false, minReadySeconds: 0, strategy: {}, template: { spec: { volumes: [] } } },
  };
  expect(changesBetween(DEPLOYMENT, before, after)).toEqual({ set: {}, removed: {} });
});

test('a key that a port leaves out is what the server fills in', () => {
  const fields = fieldsOfNew(SERVICE, { spec: { ports: [{ port: 80 }] } });
  expect(fields).toEqual({
    'f:spec': {
      'f:ports': { '.': {}, 'k:{"port":80,"protocol":"TCP"}': { '.': {}, 'f:port': {} } },
    },
  });
});

test('elements of one name are one field', () => {
  const env = (...values: string[]) =>
    pod({}, [container({ env: values.map((value) => ({ name: 'A', value })) })]);
  const inEnv = (fields: object) => ({
    'f:spec': { 'f:containers': { 'k:{"name":"web"}': { 'f:env': fields } } },
  });
  const element = 'k:{"name":"A"}';
  expect(changesBetween(POD, env('1', '2'), env('1', '2'))).toEqual({ set: {}, removed: {} });
  expect(changesBetween(POD, env('1', '2'), env('1', '3')).set).toEqual(inEnv({ [element]: {} }));
  expect(changesBetween(POD, env('1'), env('1', '3')).set).toEqual(inEnv({ [element]: {} }));
  expect(changesBetween(POD, env('1', '2'), env('2')).set).toEqual(
    inEnv({ [element]: { '.': {}, 'f:name': {}, 'f:value': {} } }),
  );
});

test('an empty key is none, as it would be once stored', () => {
  const shape = shapeOf('io.k8s.api.core.v1.ServiceAccount');
  const before = { secrets: [{ name: 'a', uid: 'u' }, { uid: 'x' }] };
  const after = {
    secrets: [
      { name: 'a', uid: 'u' },
      { name: '', uid: 'x' },
    ],
  };
  // The element is the same one, and changed as a whole: it is atomic.
  const changes = { set: { 'f:secrets': { 'k:{}': {} } }, removed: {} };
  expect(changesBetween(shape, before, after)).toEqual(changes);
});
