// proto/*.proto → proto/generated/*.ts. Run in the repository's root: `npm run generate`.
//
//   sources ─ parse ─► Model ─┬─► interfaces, one module a group-version
//                             ├─► resources.ts, schema.ts
//                             └─► docs.ts

import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { emitInterfaces } from './emit-interfaces.ts';
import { emitResources } from './emit-resources.ts';
import { emitDocs, emitSchema } from './emit-tables.ts';
import type { Model, Source } from './model.ts';
import { parseModel } from './parse.ts';
import { SourceError } from './source-error.ts';
import { docsOf, schemaTablesOf } from './tables.ts';

const FROM = 'proto';
const TO = 'proto/generated';

/** Not part of the API that objects follow: gRPC's own messages, and the options. */
const LEFT_OUT: ReadonlySet<string> = new Set(['rpc.proto', 'options.proto']);

function readSources(): readonly Source[] {
  return readdirSync(FROM)
    .filter((name) => name.endsWith('.proto') && !LEFT_OUT.has(name))
    .sort()
    .map((name) => ({
      file: `${FROM}/${name}`,
      text: readFileSync(join(FROM, name), 'utf8'),
    }));
}

function emitAll(model: Model): ReadonlyMap<string, string> {
  const modules = new Map<string, string>();
  for (const file of model.files) {
    const text = emitInterfaces(file, model);
    if (text !== undefined) modules.set(`${file.name}.ts`, text);
  }
  modules.set('resources.ts', emitResources(model));
  modules.set('schema.ts', emitSchema(schemaTablesOf(model)));
  modules.set('docs.ts', emitDocs(docsOf(model)));
  return modules;
}

/** Unchanged files keep their time stamp, so that the compiler need not look again. */
function writeModules(modules: ReadonlyMap<string, string>): void {
  mkdirSync(TO, { recursive: true });
  for (const name of readdirSync(TO)) if (!modules.has(name)) rmSync(join(TO, name));
  for (const [name, text] of modules) {
    const path = join(TO, name);
    if (textOf(path) !== text) writeFileSync(path, text);
  }
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

try {
  writeModules(emitAll(parseModel(readSources())));
} catch (error) {
  if (!(error instanceof SourceError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
