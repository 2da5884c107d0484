import { expect, test } from 'vitest';
import type { Deployment, ReplicaSet } from '../../proto/generated/apps.v1.ts';
import { templateHash } from '../pod-template.ts';
import {
  newSet,
  nextRevision,
  planCleanup,
  REVISION_ANNOTATION,
  renewed,
  revisionsOf,
} from './deployment-revisions.ts';

const deploymentOf = (image: string, annotations: Record<string, string> = {}): Deployment => ({
  metadata: { name: 'web', namespace: 'default', uid: 'uid-web', annotations },
  spec: {
    replicas: 3,
    revisionHistoryLimit: 1,
    selector: { matchLabels: { app: 'web' } },
    template: {
      metadata: { name: '', labels: { app: 'web' } },
      spec: { containers: [{ name: 'main', image }] },
    },
  },
});

const stored = (set: ReplicaSet, creationTimestamp: string, replicas = 0): ReplicaSet => ({
  ...set,
  metadata: { ...set.metadata, creationTimestamp },
  spec: { ...set.spec, replicas },
  status: { replicas },
});

test('a new set carries the hash of its template in name, labels, selector and pods', () => {
  const set = newSet(deploymentOf('a:1', { 'kubernetes.io/change-cause': 'first' }), 1, 2);
  const hash = set.metadata.labels?.['pod-template-hash'] ?? '';
  expect(hash).not.toBe('');
  expect(set.metadata.name).toBe(`web-${hash}`);
  expect(set.spec.selector.matchLabels).toEqual({ app: 'web', 'pod-template-hash': hash });
  expect(set.spec.template?.metadata?.labels).toEqual({ app: 'web', 'pod-template-hash': hash });
  expect(set.metadata.annotations).toEqual({
    'kubernetes.io/change-cause': 'first',
    'deployment.kubernetes.io/desired-replicas': '3',
    'deployment.kubernetes.io/max-replicas': '4',
    'deployment.kubernetes.io/revision': '1',
  });
});

test('the hash depends on what the template says, not on the order of saying it', () => {
  const one = { metadata: { name: '', labels: { a: '1', b: '2' } }, spec: { containers: [] } };
  const other = { spec: { containers: [] }, metadata: { labels: { b: '2', a: '1' }, name: '' } };
  expect(templateHash(one)).toBe(templateHash(other));
  expect(templateHash(one, 1)).not.toBe(templateHash(one));
});

test('the set with the present template is current, whatever its hash label', () => {
  const first = stored(newSet(deploymentOf('a:1'), 1, 0), '2030-01-01T00:00:00Z');
  const second = stored(newSet(deploymentOf('a:2'), 2, 0), '2030-01-02T00:00:00Z');
  const { current, old } = revisionsOf(deploymentOf('a:1'), [second, first]);
  expect(current).toBe(first);
  expect(old).toEqual([second]);
});

test('going back to an old template makes its set the newest revision and keeps its history', () => {
  const first = stored(newSet(deploymentOf('a:1'), 1, 0), '2030-01-01T00:00:00Z');
  const second = stored(newSet(deploymentOf('a:2'), 2, 0), '2030-01-02T00:00:00Z');
  const back = deploymentOf('a:1');
  const revisions = revisionsOf(back, [first, second]);
  expect(nextRevision(revisions)).toBe(3);
  expect(renewed(back, first, 3).metadata.annotations).toMatchObject({
    [REVISION_ANNOTATION]: '3',
    'deployment.kubernetes.io/revision-history': '1',
  });
  expect(renewed(back, second, 2)).toEqual(second);
});

test('history beyond the limit goes, oldest revision first, but never a set that has pods', () => {
  const sets = ['a:1', 'a:2', 'a:3'].map((image, i) =>
    stored(newSet(deploymentOf(image), i + 1, 0), `2030-01-0${i + 1}T00:00:00Z`),
  );
  const [first, second, third] = sets as [ReplicaSet, ReplicaSet, ReplicaSet];
  const deployment = deploymentOf('a:4');
  expect(planCleanup(deployment, revisionsOf(deployment, sets))).toEqual([first, second]);
  const busy = { ...first, spec: { ...first.spec, replicas: 1 } };
  const revisions = revisionsOf(deployment, [busy, second, third]);
  expect(planCleanup(deployment, revisions)).toEqual([second]);
});
