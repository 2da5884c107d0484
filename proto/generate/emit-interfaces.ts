// Model → TypeScript: one module of interfaces a group-version.

import type { ScalarType } from '../schema.ts';
import type { ApiFile, Field, Message, Model } from './model.ts';

const SCALAR_TYPES: Readonly<Record<ScalarType, string>> = {
  string: 'string',
  boolean: 'boolean',
  int32: 'number',
  int64: 'number',
  double: 'number',
  bytes: 'string',
  quantity: 'string',
  intOrString: 'number | string',
  time: 'string',
  microTime: 'string',
  duration: 'string',
  fieldsV1: 'Record<string, unknown>',
  rawJson: 'unknown',
  stringList: 'string[]',
};

const IDENTIFIER = /^[A-Za-z_$][\w$]*$/;

/** undefined when the file declares no interface (the scalars' files). */
export function emitInterfaces(file: ApiFile, model: Model): string | undefined {
  const imports = new Map<string, Set<string>>();
  const nameOf = (ref: string): string => {
    const message = model.messages.get(ref);
    if (message === undefined) throw new Error(`no message ${ref}`);
    if (message.file !== file.name) {
      const names = imports.get(message.file) ?? new Set<string>();
      imports.set(message.file, names.add(message.name));
    }
    return message.name;
  };
  const interfaces = file.messages
    .filter((message) => message.scalar === undefined)
    .map((message) => emitInterface(message, nameOf));
  if (interfaces.length === 0) return undefined;
  const lines = [...imports].sort().map(([from, names]) => {
    return `import type { ${[...names].sort().join(', ')} } from './${from}.ts';`;
  });
  const head = `// Generated from proto/${file.name}.proto: do not edit.\n// ${file.doc}\n`;
  return [head, ...(lines.length > 0 ? [`${lines.join('\n')}\n`] : []), ...interfaces].join('\n');
}

function emitInterface(message: Message, nameOf: (ref: string) => string): string {
  const inlined = message.fields.filter((field) => field.inline);
  const parents = inlined.map((field) => typeNameOf(field, nameOf));
  const fields = message.fields.filter((field) => !field.inline);
  return [
    ...emitDoc(message.doc, ''),
    `export interface ${message.name}${parents.length > 0 ? ` extends ${parents.join(', ')}` : ''} {`,
    ...(message.kind === undefined ? [] : ['  apiVersion?: string;', '  kind?: string;']),
    ...fields.flatMap((field) => emitField(field, nameOf)),
    '}\n',
  ].join('\n');
}

function emitField(field: Field, nameOf: (ref: string) => string): readonly string[] {
  const name = IDENTIFIER.test(field.jsonName) ? field.jsonName : JSON.stringify(field.jsonName);
  const mark = field.always || field.schema.required === true ? '' : '?';
  return [...emitDoc(field.doc, '  '), `  ${name}${mark}: ${typeNameOf(field, nameOf)};`];
}

function typeNameOf({ schema }: Field, nameOf: (ref: string) => string): string {
  const single =
    schema.enum !== undefined
      ? schema.enum.map((value) => `'${value}'`).join(' | ')
      : typeof schema.type === 'object'
        ? nameOf(schema.type.ref)
        : SCALAR_TYPES[schema.type];
  if (schema.shape === 'map') return `Record<string, ${single}>`;
  if (schema.shape === 'list') return single.includes(' | ') ? `(${single})[]` : `${single}[]`;
  return single;
}

function emitDoc(doc: string, indent: string): readonly string[] {
  if (doc === '') return [];
  const lines = doc.replaceAll('*/', '* /').split('\n');
  if (lines.length === 1) return [`${indent}/** ${lines[0]} */`];
  return [`${indent}/**`, ...lines.map((line) => `${indent} * ${line}`), `${indent} */`];
}
