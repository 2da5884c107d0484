// The shape of the schema tables that `npm run generate` makes from the .proto files.
// Everything that must know an object's fields (prune, default, validate, merge, apply, the
// protobuf codec, OpenAPI) walks these tables; nothing else lists a kind's fields.

/** How one value looks in JSON and on the protobuf wire. */
export type ScalarType =
  | 'string'
  | 'boolean'
  | 'int32'
  | 'int64' // a JSON number
  | 'double'
  | 'bytes' // base64 in JSON
  | 'quantity' // JSON string (a number is accepted); wire: message { string = 1 }
  | 'intOrString' // wire: message { type = 1, intVal = 2, strVal = 3 }
  | 'time' // RFC 3339, seconds; wire: message { seconds = 1, nanos = 2 }
  | 'microTime' // RFC 3339 with six decimals; same wire
  | 'duration' // Go duration string; wire: message { duration(ns) = 1 }
  | 'fieldsV1' // any JSON object; wire: message { Raw bytes = 1 }
  | 'rawJson' // any JSON value; wire: message { raw bytes = 1 }
  | 'stringList'; // a named list of strings as one wire message { items = 1 } (ExtraValue)

export type ListType = 'atomic' | 'set' | 'map';

export interface FieldSchema {
  readonly number: number;
  /** A scalar, or the full name of a message. */
  readonly type: ScalarType | { readonly ref: string };
  readonly shape: 'one' | 'list' | 'map';
  /** Upstream's `required`: absent is an error of its own. */
  readonly required?: true;
  /** The server's static default, as JSON. */
  readonly default?: unknown;
  /** Allowed values. `''` counts as absent. */
  readonly enum?: readonly string[];
  readonly listType?: ListType;
  readonly listMapKeys?: readonly string[];
  readonly mapType?: 'atomic';
  readonly patchStrategy?:
    | 'merge'
    | 'replace'
    | 'retainKeys'
    | 'merge,retainKeys'
    | 'replace,retainKeys';
  readonly patchMergeKey?: string;
  /** Absent and zero differ; without it a zero value from the wire means absent. */
  readonly pointer?: true;
  /**
   * Numbers of the wire messages around it that JSON leaves out (upstream's inlined structs), from
   * the outside in. The tables show such fields in place: only the codec looks at this.
   */
  readonly via?: readonly number[];
}

export interface MessageSchema {
  /** Full name, e.g. `io.k8s.api.core.v1.PodSpec`. */
  readonly name: string;
  readonly mapType?: 'atomic';
  /** Kinds only. Their `apiVersion` and `kind` fields have number 0: they are not on the wire. */
  readonly gvk?: { readonly group: string; readonly version: string; readonly kind: string };
  /** By JSON name, in the order of the .proto file. */
  readonly fields: Readonly<Record<string, FieldSchema>>;
}

export type SchemaTables = Readonly<Record<string, MessageSchema>>;
