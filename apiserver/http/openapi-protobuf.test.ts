import protobuf from 'protobufjs';
import { expect, test } from 'vitest';
import { KINDS } from '../kinds/kinds.ts';
import { openApiDocument } from './openapi-document.ts';
import { openApiProtobuf } from './openapi-protobuf.ts';

/** What kubectl reads of the format, as gnostic numbers it. */
const FORMAT = `
  syntax = "proto3";
  message Any { string yaml = 2; }
  message NamedAny { string name = 1; Any value = 2; }
  message Schema {
    string ref = 1; string format = 2; string description = 4; Any default = 5;
    repeated string required = 19; Additional additional_properties = 21; Type type = 22;
    Items items = 23; Properties properties = 25; repeated NamedAny vendor_extension = 31;
  }
  message Additional { Schema schema = 1; }
  message Type { repeated string value = 1; }
  message Items { repeated Schema schema = 1; }
  message NamedSchema { string name = 1; Schema value = 2; }
  message Properties { repeated NamedSchema additional_properties = 1; }
  message Operation { repeated string consumes = 7; repeated NamedAny vendor_extension = 13; }
  message PathItem { Operation get = 2; Operation patch = 8; }
  message NamedPath { string name = 1; PathItem value = 2; }
  message Paths { repeated NamedPath path = 2; }
  message Document { string swagger = 1; Paths paths = 8; Properties definitions = 9; }
`;

interface Named {
  readonly name: string;
  readonly value: {
    readonly required: readonly string[];
    readonly vendorExtension: readonly { readonly name: string; readonly value: object }[];
    readonly properties: { readonly additionalProperties: readonly Named[] };
  };
}

test('a reader of the protobuf form finds the definitions that the JSON form has', () => {
  const document = openApiDocument(KINDS, { flavour: 'v2', title: 'T', version: 'v1' });
  const type = protobuf.parse(FORMAT).root.lookupType('Document');
  const read = type.toObject(type.decode(openApiProtobuf(document))) as {
    swagger: string;
    paths: { path: readonly { name: string; value: { patch?: { consumes: string[] } } }[] };
    definitions: { additionalProperties: readonly Named[] };
  };
  expect(read.swagger).toBe('2.0');
  const definitions = document.definitions as Readonly<Record<string, { properties?: object }>>;
  const found = read.definitions.additionalProperties;
  expect(found.map(({ name }) => name)).toEqual(Object.keys(definitions));
  const spec = found.find(({ name }) => name === 'io.k8s.api.core.v1.PodSpec')!.value;
  expect(spec.required).toEqual(['containers']);
  const containers = spec.properties.additionalProperties.find((one) => one.name === 'containers');
  expect(containers?.value).toMatchObject({
    type: { value: ['array'] },
    items: { schema: [{ ref: '#/definitions/io.k8s.api.core.v1.Container' }] },
  });
  const merge = containers?.value.vendorExtension.find(({ name }) => name.endsWith('merge-key'));
  expect(merge?.value).toEqual({ yaml: '"name"\n' });
  const paths = read.paths.path;
  expect(paths.map(({ name }) => name)).toEqual(Object.keys(document.paths as object));
  const pod = paths.find(({ name }) => name === '/api/v1/namespaces/{namespace}/pods/{name}');
  expect(pod?.value.patch?.consumes).toContain('application/strategic-merge-patch+json');
});
