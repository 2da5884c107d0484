// Model → generated/resources.ts: one constant for every kind with a URL of its own.

import type { Kind, Message, Model } from './model.ts';

type WithPlural = Message & { readonly kind: Kind & { readonly plural: string } };

export function emitResources(model: Model): string {
  const kinds = [...model.messages.values()].filter(hasPlural);
  const constants = kinds.map((message) => message.kind.constant);
  const taken = constants.find((name, at) => constants.indexOf(name) !== at);
  if (taken !== undefined) throw new Error(`two resources are called ${taken}: set constant`);
  const files = [...new Set(kinds.map((message) => message.file))].sort();
  return [
    '// Generated from proto/*.proto: do not edit.',
    '// Every kind that has a URL of its own.\n',
    "import type { Resource } from '../resource.ts';",
    ...files.map((file) => `import type * as ${aliasOf(file)} from './${file}.ts';`),
    '',
    ...kinds.map(emitResource),
    'export const RESOURCES: readonly Resource[] = [',
    ...constants.map((name) => `  ${name},`),
    '];\n',
  ].join('\n');
}

const hasPlural = (message: Message): message is WithPlural => message.kind?.plural !== undefined;

/** `core.v1` → `coreV1`. */
const aliasOf = (file: string): string =>
  file.replace(/\.(\w)/g, (_, letter: string) => letter.toUpperCase());

function emitResource({ kind, file, name, fullName }: WithPlural): string {
  const value = {
    ...kind.gvk,
    plural: kind.plural,
    singular: kind.singular,
    namespaced: kind.namespaced,
    shortNames: kind.shortNames,
    categories: kind.categories,
    type: fullName,
  };
  const type = `Resource<${aliasOf(file)}.${name}>`;
  return `export const ${kind.constant}: ${type} = ${JSON.stringify(value, null, 2)};\n`;
}
