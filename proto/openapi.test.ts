// OpenAPI schemas: what kubectl explain, apply and diff look for in them.

import { expect, test } from 'vitest';
import { DOCS } from './generated/docs.ts';
import { SCHEMA } from './generated/schema.ts';
import { openApiSchemas } from './openapi.ts';

const POD = 'io.k8s.api.core.v1.Pod';
const META = 'io.k8s.apimachinery.pkg.apis.meta.v1';
const QUANTITY = 'io.k8s.apimachinery.pkg.api.resource.Quantity';
const INT_OR_STRING = 'io.k8s.apimachinery.pkg.util.intstr.IntOrString';

test('a kind says which kind it is, and brings its list and all that it reaches', () => {
  const schemas = openApiSchemas([POD]);
  const gvk = { group: '', version: 'v1', kind: 'Pod' };
  expect(schemas[POD]).toMatchObject({
    type: 'object',
    'x-kubernetes-group-version-kind': [gvk],
    properties: { apiVersion: { type: 'string' }, kind: { type: 'string' } },
  });
  expect(schemas['io.k8s.api.core.v1.PodList']).toMatchObject({ required: ['items'] });
  expect(schemas).toHaveProperty([QUANTITY]);
  expect(schemas).toHaveProperty([INT_OR_STRING]);
  expect(schemas).not.toHaveProperty(['io.k8s.api.core.v1.Service']);
});

test('list and merge keys stand where strategic merge and apply look for them', () => {
  const spec = openApiSchemas([POD])['io.k8s.api.core.v1.PodSpec'];
  expect(spec).toHaveProperty(['properties', 'containers'], {
    description: expect.any(String),
    type: 'array',
    items: { allOf: [{ $ref: '#/components/schemas/io.k8s.api.core.v1.Container' }] },
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': ['name'],
    'x-kubernetes-patch-merge-key': 'name',
    'x-kubernetes-patch-strategy': 'merge',
  });
});

test('a reference keeps its description beside it in v3', () => {
  const pod = openApiSchemas([POD])[POD];
  expect(pod).toHaveProperty(['properties', 'metadata'], {
    description: expect.any(String),
    allOf: [{ $ref: `#/components/schemas/${META}.ObjectMeta` }],
    default: {},
  });
});

test('v2 refers to definitions', () => {
  const schemas = openApiSchemas([POD], 'v2');
  expect(schemas[POD]).toHaveProperty(['properties', 'metadata'], {
    description: expect.any(String),
    $ref: `#/definitions/${META}.ObjectMeta`,
  });
  expect(JSON.stringify(schemas)).not.toContain('#/components');
  expect(schemas[INT_OR_STRING]).toMatchObject({ type: 'string', format: 'int-or-string' });
});

test.each(['v3', 'v2'] as const)('every reference of %s leads somewhere', (flavour) => {
  const schemas = openApiSchemas(Object.keys(SCHEMA), flavour);
  const refs = [...JSON.stringify(schemas).matchAll(/"\$ref":"#[^"]*\/([^"/]+)"/g)];
  expect(refs.length).toBeGreaterThan(500);
  expect(
    refs.map(([, name]) => name).filter((name) => !Object.hasOwn(schemas, name ?? '')),
  ).toEqual([]);
});

test('a name that nothing carries is left out', () => {
  expect(openApiSchemas(['io.k8s.api.core.v1.Nothing'])).toEqual({});
});

test('every message and every field says what it is for', () => {
  const mute = Object.values(SCHEMA).flatMap(({ name, fields }) => {
    const docs = DOCS[name];
    const fieldNames = Object.keys(fields).filter((it) => fields[it]?.number !== 0);
    const muteFields = fieldNames.filter((it) => !docs?.fields[it]).map((it) => `${name}.${it}`);
    return docs?.doc ? muteFields : [name, ...muteFields];
  });
  expect(mute).toEqual([]);
});
