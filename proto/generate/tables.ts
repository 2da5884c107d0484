// Model → the schema tables and the documentation table.

import type { FieldSchema, MessageSchema, SchemaTables } from '../schema.ts';
import type { Message, Model } from './model.ts';

/** Kinds say in JSON what they are; the wire says it in the envelope. */
const TYPE_META: Readonly<Record<string, FieldSchema>> = {
  apiVersion: { number: 0, type: 'string', shape: 'one' },
  kind: { number: 0, type: 'string', shape: 'one' },
};

/** Docs by full message name, then by JSON field name. */
export type Docs = Readonly<
  Record<string, { readonly doc: string; readonly fields: Readonly<Record<string, string>> }>
>;

export function schemaTablesOf(model: Model): SchemaTables {
  return Object.fromEntries(
    objectMessagesOf(model).map((message): [string, MessageSchema] => [
      message.fullName,
      {
        name: message.fullName,
        ...(message.mapType !== undefined && { mapType: message.mapType }),
        ...(message.kind !== undefined && { gvk: message.kind.gvk }),
        fields: {
          ...(message.kind !== undefined && TYPE_META),
          ...Object.fromEntries(fieldsOf(message, model)),
        },
      },
    ]),
  );
}

function fieldsOf(message: Message, model: Model): readonly (readonly [string, FieldSchema])[] {
  return message.fields.flatMap((field) => {
    if (!field.inline) return [[field.jsonName, field.schema] as const];
    return fieldsOf(targetOf(field.schema, model), model).map(([name, inner]) => {
      const via = [field.schema.number, ...(inner.via ?? [])];
      return [name, { ...inner, via }] as const;
    });
  });
}

function targetOf(schema: FieldSchema, model: Model): Message {
  const target = typeof schema.type === 'object' ? model.messages.get(schema.type.ref) : undefined;
  if (target === undefined || schema.shape !== 'one') {
    throw new Error(`only a single message can be inlined: field ${schema.number}`);
  }
  return target;
}

export function docsOf(model: Model): Docs {
  return Object.fromEntries(
    [...model.messages.values()].map((message) => [
      message.fullName,
      { doc: message.doc, fields: fieldDocsOf(message, model) },
    ]),
  );
}

function fieldDocsOf(message: Message, model: Model): Record<string, string> {
  const docs: Record<string, string> = {};
  for (const field of message.fields) {
    if (field.inline) Object.assign(docs, fieldDocsOf(targetOf(field.schema, model), model));
    else if (field.doc !== '') docs[field.jsonName] = field.doc;
  }
  return docs;
}

const objectMessagesOf = (model: Model): readonly Message[] =>
  [...model.messages.values()].filter((message) => message.scalar === undefined);
