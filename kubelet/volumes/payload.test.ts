import { expect, test } from 'vitest';
import type { VolumeProjection } from '../../proto/generated/core.v1.ts';
import { webPod } from '../../test/kubelet-builders.ts';
import { type PayloadContext, payloadOf } from './payload.ts';

const context: PayloadContext = {
  pod: webPod({}, { metadata: { name: 'web', labels: { b: '2', a: '1"' } } }),
  podIp: '10.244.1.2',
  nodeIp: '10.244.1.1',
  allocatable: {},
  objects: {
    configMap: (name) =>
      name === 'cm'
        ? { metadata: { name }, data: { k: 'v' }, binaryData: { bin: 'AAE=' } }
        : undefined,
    secret: (name) => (name === 'sec' ? { metadata: { name }, data: { pw: 'cHc=' } } : undefined),
  },
  tokens: new Map([['token', 'jwt']]),
};

const filesOf = (...sources: VolumeProjection[]) => {
  const answer = payloadOf(sources, 0o644, context);
  if (!answer.isOk) return answer.why;
  return Object.fromEntries(
    [...answer.payload].map(([path, { content, mode }]) => [
      path,
      [content.toString('latin1'), mode],
    ]),
  );
};

test('a projected volume holds the files of all its sources', () => {
  expect(
    filesOf(
      { configMap: { name: 'cm' } },
      { secret: { name: 'sec', items: [{ key: 'pw', path: 'deep/pw', mode: 0o400 }] } },
      { downwardAPI: { items: [{ path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } }] } },
      { serviceAccountToken: { path: 'token' } },
    ),
  ).toEqual({
    k: ['v', 0o644],
    bin: ['\x00\x01', 0o644],
    'deep/pw': ['pw', 0o400],
    labels: ['a="1\\""\nb="2"', 0o644],
    token: ['jwt', 0o644],
  });
});

test('a missing object or key is named, unless it is optional', () => {
  expect(filesOf({ configMap: { name: 'no' } })).toBe('configmap "no" not found');
  expect(filesOf({ secret: { name: 'no', optional: true } })).toEqual({});
  const items = [{ key: 'x', path: 'x' }];
  expect(filesOf({ configMap: { name: 'cm', items } })).toBe('cm references non-existent key: x');
  expect(filesOf({ configMap: { name: 'cm', items, optional: true } })).toEqual({});
});

test('no file may leave its volume', () => {
  for (const path of ['../x', 'a/../../x', '/etc/passwd', '..data']) {
    const items = [{ key: 'k', path }];
    expect(filesOf({ configMap: { name: 'cm', items } })).toContain('leads out of the volume');
  }
});
