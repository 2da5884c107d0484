// The generator: what a .proto file becomes, and how it is refused.

import { expect, test } from 'vitest';
import { emitInterfaces } from './emit-interfaces.ts';
import { emitResources } from './emit-resources.ts';
import type { Model } from './model.ts';
import { parseModel } from './parse.ts';
import { docsOf, schemaTablesOf } from './tables.ts';

const HEAD = `// Boats.
syntax = "proto2";
package io.boats.v1;
option (wherry.group) = "boats";
option (wherry.version) = "v1";
`;

const parse = (body: string): Model =>
  parseModel([{ file: 'proto/boats.v1.proto', text: HEAD + body }]);

const BOATS = `
// A boat.
message Boat {
  option (wherry.kind) = {plural: "boats" singular: "boat" namespaced: true short_names: ["bo"]};

  // What is wanted
  // of it.
  optional BoatSpec spec = 2 [(wherry.always) = true, (wherry.default) = "{}"];
}

message BoatSpec {
  repeated Oar oars = 1 [
    (wherry.required) = true, (wherry.list_type) = "map", (wherry.list_map_keys) = "side name"
  ];
  optional string sail = 3 [(wherry.default) = "Lateen", (wherry.enum) = "Lateen Gaff"];
  optional int32 crew = 4 [(wherry.pointer) = true, (wherry.default) = "1"];
  optional Hull hull = 5 [(wherry.inline) = true];
}

message Hull {
  optional string wood = 7;
  optional string paint = 8 [json_name = "x-paint"];
}

message Oar {
  optional string side = 1;
  optional string name = 2;
}
`;

test('fields become table entries with all that their options say', () => {
  const tables = schemaTablesOf(parse(BOATS));
  expect(tables['io.boats.v1.Boat']).toEqual({
    name: 'io.boats.v1.Boat',
    gvk: { group: 'boats', version: 'v1', kind: 'Boat' },
    fields: {
      apiVersion: { number: 0, type: 'string', shape: 'one' },
      kind: { number: 0, type: 'string', shape: 'one' },
      spec: { number: 2, type: { ref: 'io.boats.v1.BoatSpec' }, shape: 'one', default: {} },
    },
  });
  expect(tables['io.boats.v1.BoatSpec']?.fields).toEqual({
    oars: {
      number: 1,
      type: { ref: 'io.boats.v1.Oar' },
      shape: 'list',
      required: true,
      listType: 'map',
      listMapKeys: ['side', 'name'],
    },
    sail: {
      number: 3,
      type: 'string',
      shape: 'one',
      default: 'Lateen',
      enum: ['Lateen', 'Gaff'],
    },
    crew: { number: 4, type: 'int32', shape: 'one', default: 1, pointer: true },
    wood: { number: 7, type: 'string', shape: 'one', via: [5] },
    'x-paint': { number: 8, type: 'string', shape: 'one', via: [5] },
  });
});

test('messages become interfaces of their JSON shape', () => {
  const model = parse(BOATS);
  const text = emitInterfaces(model.files[0]!, model);
  expect(text).toContain(
    [
      '/** A boat. */',
      'export interface Boat {',
      '  apiVersion?: string;',
      '  kind?: string;',
      '  /** What is wanted of it. */',
      '  spec: BoatSpec;',
      '}',
    ].join('\n'),
  );
  expect(text).toContain('export interface BoatSpec extends Hull {\n  oars: Oar[];\n');
  expect(text).toContain("  sail?: 'Lateen' | 'Gaff';\n");
  expect(text).toContain('  "x-paint"?: string;\n');
});

test('kinds with a URL become resources, comments become docs', () => {
  const model = parse(BOATS);
  expect(emitResources(model)).toContain('export const BOATS: Resource<boatsV1.Boat> = {');
  expect(docsOf(model)['io.boats.v1.Boat']).toEqual({
    doc: 'A boat.',
    fields: { spec: 'What is wanted of it.' },
  });
});

test.each([
  ['a misspelt option', 'optional string a = 1 [(wherry.requierd) = true];', 'unknown option'],
  ['a type that is nowhere', 'optional Mast a = 1;', 'no such type: Mast'],
  ['a map list without keys', 'repeated A a = 1 [(wherry.list_type) = "map"];', 'list_map_keys'],
  ['an unknown list type', 'repeated A a = 1 [(wherry.list_type) = "bag"];', 'unknown list type'],
  ['a list type of a non-list', 'optional A a = 1 [(wherry.list_type) = "set"];', 'non-list'],
  ['a default that is no JSON', 'optional int32 a = 1 [(wherry.default) = "x"];', 'not JSON'],
  ['map keys that are no strings', 'map<int32, string> a = 1;', 'map keys must be strings'],
  ['an unknown strategy', 'optional A a = 1 [(wherry.patch_strategy) = "x"];', 'unknown strategy'],
  ['bad syntax', 'optional string a = ;', 'illegal id'],
])('%s is refused with its file and line', (_, field, message) => {
  const body = `\nmessage A {\n  ${field}\n}\n`;
  expect(() => parse(body)).toThrow(/^proto\/boats\.v1\.proto:8: /);
  expect(() => parse(body)).toThrow(message);
});

test('a number or name used twice is told with the line of the second use', () => {
  const number = '\nmessage A {\n  optional string a = 1;\n  optional string b = 1;\n}\n';
  expect(() => parse(number)).toThrow('proto/boats.v1.proto:9: duplicate id 1 in Type A');
  const name = '\nmessage A {\n  optional string a = 1;\n  optional string a = 2;\n}\n';
  expect(() => parse(name)).toThrow("proto/boats.v1.proto:9: duplicate name 'a' in Type A");
  expect(() => parse('\nmessage A {}\nmessage A {}\n')).toThrow('proto/boats.v1.proto:8: ');
});
