// .proto texts → Model. Any fault, also a misspelt option, is an error with its file and line.

import protobuf from 'protobufjs';
import type { ScalarType } from '../schema.ts';
import type { ApiFile, Message, Model, Source } from './model.ts';
import { docOf, optionsOf, stringOption } from './options.ts';
import { parseField } from './parse-field.ts';
import { parseKind } from './parse-kind.ts';
import { lineOf, lineOfDuplicate, SourceError } from './source-error.ts';

/** What one file is about: the options at its head. */
export interface FileHead {
  readonly source: Source;
  readonly name: string;
  readonly group: string;
  readonly version: string;
  /** Prefix of its messages' full names. */
  readonly prefix: string;
}

const SCALARS: readonly ScalarType[] = [
  'quantity',
  'intOrString',
  'time',
  'microTime',
  'duration',
  'fieldsV1',
  'rawJson',
  'stringList',
];

export function parseModel(sources: readonly Source[]): Model {
  const root = new protobuf.Root();
  const parsed = sources.map((source) => parseSource(source, root));
  const headByType = new Map<protobuf.Type, FileHead>();
  for (const { head, types } of parsed) for (const type of types) headByType.set(type, head);
  const nameOf = (type: protobuf.Type): string => {
    const head = headByType.get(type);
    return head === undefined ? type.fullName.slice(1) : `${head.prefix}.${type.name}`;
  };
  const files = parsed.map(
    ({ head, doc, types }): ApiFile => ({
      name: head.name,
      doc,
      messages: types.map((type) => parseMessage(type, head, nameOf)),
    }),
  );
  const messages = files.flatMap((file) => file.messages);
  return { files, messages: new Map(messages.map((message) => [message.fullName, message])) };
}

interface ParsedSource {
  readonly head: FileHead;
  readonly doc: string;
  readonly types: readonly protobuf.Type[];
}

function parseSource(source: Source, root: protobuf.Root): ParsedSource {
  const result = parseText(source, root);
  const namespace = result.package === undefined ? null : root.lookup(result.package);
  if (!(namespace instanceof protobuf.Namespace)) throw new SourceError(source, 1, 'no package');
  const types = namespace.nestedArray.filter((it) => it instanceof protobuf.Type);
  const options = optionsOf(namespace);
  const head: FileHead = {
    source,
    name: source.file.replace(/^.*\//, '').replace(/\.proto$/, ''),
    group: stringOption(options, 'group') ?? '',
    version: stringOption(options, 'version') ?? '',
    prefix: stringOption(options, 'type_prefix') ?? namespace.fullName.slice(1),
  };
  const doc = /^\/\/ (.*)/.exec(source.text)?.[1] ?? '';
  return { head, doc, types };
}

function parseText(source: Source, root: protobuf.Root): protobuf.IParserResult {
  try {
    const options = { keepCase: true, alternateCommentMode: true };
    return protobuf.parse(source.text, root, options);
  } catch (cause) {
    const text = cause instanceof Error ? cause.message : String(cause);
    const line = Number(/line (\d+)/.exec(text)?.[1] ?? lineOfDuplicate(source, text));
    throw new SourceError(source, line, text.replace(/ \(.*line \d+\)$/, ''));
  }
}

function parseMessage(
  type: protobuf.Type,
  head: FileHead,
  nameOf: (type: protobuf.Type) => string,
): Message {
  const fail = (message: string, field?: string): never => {
    const where = lineOf(head.source, type.name, field);
    throw new SourceError(head.source, where, `${type.name}: ${message}`);
  };
  const options = optionsOf(type);
  for (const name of options.keys()) {
    if (!['kind', 'message_map_type', 'scalar'].includes(name)) fail(`unknown option ${name}`);
  }
  const scalar = stringOption(options, 'scalar') as ScalarType | undefined;
  if (scalar !== undefined && !SCALARS.includes(scalar)) fail(`unknown scalar ${scalar}`);
  const mapType = stringOption(options, 'message_map_type');
  if (mapType !== undefined && mapType !== 'atomic') fail(`unknown map type ${mapType}`);
  const kind = options.get('kind');
  return {
    name: type.name,
    fullName: nameOf(type),
    file: head.name,
    doc: docOf(type),
    ...(scalar !== undefined && { scalar }),
    ...(mapType !== undefined && { mapType: 'atomic' as const }),
    ...(kind !== undefined && { kind: parseKind(kind, type.name, head) }),
    fields: type.fieldsArray.map((field) => parseField(field, { nameOf, fail })),
  };
}
