// What the .proto files say, in the terms of the project: files, messages, fields.

import type { FieldSchema, MessageSchema, ScalarType } from '../schema.ts';

/** One .proto file's text and its name, for messages such as `core.v1.proto:12: ...`. */
export interface Source {
  readonly file: string;
  readonly text: string;
}

/** An API group-version: one .proto file. */
export interface ApiFile {
  /** `core.v1`, also the name of the generated module. */
  readonly name: string;
  readonly doc: string;
  readonly messages: readonly Message[];
}

export interface Message {
  /** `Pod` */
  readonly name: string;
  /** `io.k8s.api.core.v1.Pod` */
  readonly fullName: string;
  /** The ApiFile that declares it. */
  readonly file: string;
  readonly doc: string;
  /** JSON shows one value of this type, not an object. */
  readonly scalar?: ScalarType;
  readonly mapType?: 'atomic';
  readonly kind?: Kind;
  readonly fields: readonly Field[];
}

/** Identity of a kind; with `plural` it has a URL of its own. */
export interface Kind {
  readonly gvk: NonNullable<MessageSchema['gvk']>;
  readonly plural?: string;
  readonly singular: string;
  readonly namespaced: boolean;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  /** Name of its constant in generated/resources.ts. */
  readonly constant: string;
}

export interface Field {
  readonly jsonName: string;
  readonly doc: string;
  /** JSON shows the fields of its message in its place. */
  readonly inline: boolean;
  /** Not optional in TypeScript. */
  readonly always: boolean;
  readonly schema: FieldSchema;
}

export interface Model {
  readonly files: readonly ApiFile[];
  /** By full name. */
  readonly messages: ReadonlyMap<string, Message>;
}
