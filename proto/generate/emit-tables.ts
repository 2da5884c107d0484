// Tables → modules. One JSON.parse of a long text loads several times faster than a literal.

import type { SchemaTables } from '../schema.ts';
import type { Docs } from './tables.ts';

export function emitSchema(tables: SchemaTables): string {
  return [
    '// Generated from proto/*.proto: do not edit.',
    '// The schema tables: every field of every message.\n',
    "import type { SchemaTables } from '../schema.ts';\n",
    `export const SCHEMA: SchemaTables = JSON.parse(${literalOf(tables)});\n`,
  ].join('\n');
}

export function emitDocs(docs: Docs): string {
  return [
    '// Generated from proto/*.proto: do not edit.',
    '// What each message and field is for: OpenAPI descriptions and `explain`.\n',
    'export const DOCS: Readonly<',
    '  Record<string, { readonly doc: string; readonly fields: Readonly<Record<string, string>> }>',
    `> = JSON.parse(${literalOf(docs)});\n`,
  ].join('\n');
}

const literalOf = (value: unknown): string => {
  const text = JSON.stringify(value).replace(/[\\`]|\$\{/g, (found) => `\\${found}`);
  return `\`${text}\``;
};
