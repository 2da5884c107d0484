import { expect, test } from 'vitest';
import { deleteOptionsOfBody, listQueryOf, watchQueryOf } from './query-options.ts';
import type { ResourceInfo } from './request-info.ts';

const pods: ResourceInfo = {
  verb: 'list',
  group: '',
  version: 'v1',
  plural: 'pods',
  namespace: 'default',
};
const query = (text: string) => new URLSearchParams(text);

test('a list takes its page, its selectors and its revision from the query', () => {
  const text =
    'limit=5&continue=abc&labelSelector=a%3Db&resourceVersion=7&resourceVersionMatch=Exact';
  expect(listQueryOf(query(text), pods)).toEqual({
    namespace: 'default',
    limit: 5,
    continue: 'abc',
    labelSelector: 'a=b',
    fieldSelector: undefined,
    resourceVersion: '7',
    resourceVersionMatch: 'Exact',
  });
  expect(() => listQueryOf(query('limit=many'), pods)).toThrow('must be an integer');
  expect(() => listQueryOf(query('limit=99999999999999999999'), pods)).toThrow('an integer');
  expect(() => listQueryOf(query('resourceVersionMatch=Newest'), pods)).toThrow('Unsupported');
});

test('a limit beyond all collections, or below one, means all of it', () => {
  const most = listQueryOf(query('limit=9223372036854775807'), pods).limit;
  expect(most).toBe(Number.MAX_SAFE_INTEGER);
  expect(listQueryOf(query('limit=-1'), pods).limit).toBeUndefined();
});

test('a watch with initial events says which state it wants, as upstream demands', () => {
  const both = 'sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true';
  expect(watchQueryOf(query(both), pods)).toMatchObject({
    sendInitialEvents: true,
    allowBookmarks: true,
  });
  expect(() => watchQueryOf(query('sendInitialEvents=true'), pods)).toThrow('NotOlderThan');
  expect(() => watchQueryOf(query('resourceVersionMatch=NotOlderThan'), pods)).toThrow('forbidden');
});

test('a watch of one name is narrowed to it', () => {
  expect(watchQueryOf(query('fieldSelector=a%3Db'), { ...pods, name: 'x' }).fieldSelector).toBe(
    'a=b,metadata.name=x',
  );
});

test('delete options are read from a document', () => {
  const preconditions = { uid: 'u' };
  expect(
    deleteOptionsOfBody({
      kind: 'DeleteOptions',
      gracePeriodSeconds: -1,
      propagationPolicy: 'Foreground',
      preconditions,
      dryRun: ['All'],
    }),
  ).toEqual({
    gracePeriodSeconds: 0,
    propagationPolicy: 'Foreground',
    preconditions,
    dryRun: true,
  });
  expect(deleteOptionsOfBody({ orphanDependents: true }).propagationPolicy).toBe('Orphan');
  expect(() => deleteOptionsOfBody({ propagationPolicy: 'Later' })).toThrow('Unsupported value');
  const both = { orphanDependents: true, propagationPolicy: 'Orphan' };
  expect(() => deleteOptionsOfBody(both)).toThrow('cannot be both set');
  expect(() => deleteOptionsOfBody({ dryRun: ['Some'] })).toThrow('Unsupported value: "Some"');
  expect(() => deleteOptionsOfBody({ kind: 'Pod' })).toThrow('want DeleteOptions');
});
