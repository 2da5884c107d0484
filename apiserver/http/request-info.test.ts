import { expect, test } from 'vitest';
import { parseRequestInfo } from './request-info.ts';

const resource = (method: string, url: string) => parseRequestInfo(method, url).resource;

test('a core resource in a namespace', () => {
  expect(resource('GET', '/api/v1/namespaces/default/pods/web-0')).toEqual({
    verb: 'get',
    group: '',
    version: 'v1',
    plural: 'pods',
    namespace: 'default',
    name: 'web-0',
  });
});

test('a resource of a group, over all namespaces', () => {
  expect(resource('GET', '/apis/apps/v1/deployments?limit=5')).toEqual({
    verb: 'list',
    group: 'apps',
    version: 'v1',
    plural: 'deployments',
  });
});

test('a subresource of a namespace is not a resource in it', () => {
  expect(resource('PUT', '/api/v1/namespaces/x/finalize')).toMatchObject({
    verb: 'update',
    plural: 'namespaces',
    name: 'x',
    subresource: 'finalize',
  });
});

test('a namespace by name, and the list of namespaces', () => {
  expect(resource('DELETE', '/api/v1/namespaces/x')).toMatchObject({
    verb: 'delete',
    plural: 'namespaces',
    name: 'x',
  });
  expect(resource('GET', '/api/v1/namespaces')).toMatchObject({ verb: 'list' });
});

test('verbs follow the method, the name and the watch parameter', () => {
  const pods = '/api/v1/namespaces/default/pods';
  expect(resource('GET', `${pods}?watch=true`)?.verb).toBe('watch');
  expect(resource('GET', `${pods}?watch=false`)?.verb).toBe('list');
  expect(resource('GET', `${pods}?watch=1`)?.verb).toBe('watch');
  expect(resource('POST', pods)?.verb).toBe('create');
  expect(resource('DELETE', pods)?.verb).toBe('deletecollection');
  expect(resource('PATCH', `${pods}/x`)?.verb).toBe('patch');
  expect(() => resource('TRACE', pods)).toThrow('does not allow this method');
});

test('what follows proxy is kept as a path of its own', () => {
  expect(resource('GET', '/api/v1/namespaces/a/services/web:http/proxy/x/y')).toMatchObject({
    name: 'web:http',
    subresource: 'proxy',
    rest: '/x/y',
  });
  const rest = (url: string) => resource('GET', url)?.rest;
  expect(rest('/api/v1/nodes/n/proxy')).toBe('/');
  expect(rest('/api/v1/nodes/n/proxy/')).toBe('/');
  expect(rest('/api/v1/nodes/n/proxy/a%20b/')).toBe('/a%20b/');
});

test('discovery, health and nonsense are not about a resource', () => {
  for (const path of [
    '/',
    '/api',
    '/api/v1',
    '/apis/apps/v1',
    '/healthz',
    '/api//pods',
    '/apix/v1/p',
  ]) {
    expect(resource('GET', path)).toBeUndefined();
  }
});

test('a malformed escape is refused', () => {
  expect(() => resource('GET', '/api/v1/pods/%zz')).toThrow('malformed path segment');
  expect(resource('GET', '/api/v1/nodes/a%2Fb')?.name).toBe('a/b');
});
