// The OpenAPI v2 document in the protobuf form that kubectl before 1.27 insists on. Pure.
// The shape of the messages and their field numbers: gnostic's openapi.v2 Document.
// Written by hand, since only a corner of that format is ever used: what `openApiDocument` makes.

type Json = Readonly<Record<string, unknown>>;
type Field = Uint8Array;

/** As clients ask for it; later ones put a dot for the sign that no media type may have. */
export const PROTOBUF_V2_ASKED =
  /application\/com\.github\.proto-openapi\.spec\.v2[@.]v1\.0\+protobuf/;
export const PROTOBUF_V2 = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf';

export function openApiProtobuf(document: Json): Buffer {
  const info = objectOf(document.info);
  return Buffer.concat([
    text(1, document.swagger),
    message(2, [text(1, info.title), text(2, info.version)]),
    message(
      8,
      namedOf(document.paths).map(([path, item]) => named(2, path, pathItem(item))),
    ),
    message(
      9,
      namedOf(document.definitions).map(([name, one]) => named(1, name, schema(one))),
    ),
  ]);
}

const METHODS: Readonly<Record<string, number>> = { get: 2, put: 3, post: 4, delete: 5, patch: 8 };

function pathItem(item: Json): readonly Field[] {
  const operations = namedOf(item).flatMap(([method, value]) => {
    const number = Object.hasOwn(METHODS, method) ? METHODS[method] : undefined;
    return number === undefined ? [] : [message(number, operation(value))];
  });
  return [...operations, ...parametersOf(item, 9)];
}

const operation = (value: Json): readonly Field[] => [
  ...textsOf(value.produces).map((one) => text(6, one)),
  ...textsOf(value.consumes).map((one) => text(7, one)),
  ...parametersOf(value, 8),
  message(
    9,
    namedOf(value.responses).map(([code, one]) => named(1, code, [message(1, response(one))])),
  ),
  ...extensions(value, 13),
];

const response = (value: Json): readonly Field[] => [
  text(1, value.description),
  ...(value.schema === undefined ? [] : [message(2, [message(1, schema(objectOf(value.schema)))])]),
];

/** ParametersItem { Parameter { body, or not body { query or path } } } */
const parametersOf = ({ parameters }: Json, number: number): readonly Field[] =>
  listOf(parameters).map((one) => message(number, [message(1, [parameter(one)])]));

/** Of the kinds of parameters: its number, and where its text fields and flags are. */
function parameter(value: Json): Field {
  if (value.in === 'body') {
    const body = [
      text(2, value.name),
      text(3, value.in),
      message(5, schema(objectOf(value.schema))),
    ];
    return message(1, body);
  }
  const isQuery = value.in === 'query';
  const fields = [flag(1, value.required), text(2, value.in), text(4, value.name)];
  const type = [text(isQuery ? 6 : 5, value.type), flag(isQuery ? 20 : 19, value.uniqueItems)];
  return message(2, [message(isQuery ? 3 : 4, [...fields, ...type])]);
}

function schema(value: Json): readonly Field[] {
  const { additionalProperties, items, type } = value;
  const types = typeof type === 'string' ? [type] : textsOf(type);
  return [
    text(1, value.$ref),
    text(2, value.format),
    text(4, value.description),
    ...(value.default === undefined ? [] : [message(5, anything(value.default))]),
    ...textsOf(value.required).map((one) => text(19, one)),
    ...(Array.isArray(value.enum) ? value.enum.map((one) => message(20, anything(one))) : []),
    ...(isObject(additionalProperties)
      ? [message(21, [message(1, schema(additionalProperties))])]
      : []),
    ...(types.length > 0
      ? [
          message(
            22,
            types.map((one) => text(1, one)),
          ),
        ]
      : []),
    ...(isObject(items) ? [message(23, [message(1, schema(items))])] : []),
    ...listOf(value.allOf).map((one) => message(24, schema(one))),
    ...(isObject(value.properties)
      ? [
          message(
            25,
            namedOf(value.properties).map(([name, one]) => named(1, name, schema(one))),
          ),
        ]
      : []),
    ...extensions(value, 31),
  ];
}

const extensions = (value: Json, number: number): readonly Field[] =>
  Object.entries(value)
    .filter(([name]) => name.startsWith('x-'))
    .map(([name, one]) => named(number, name, anything(one)));

/** Free values travel as YAML text; JSON is YAML. */
const anything = (value: unknown): readonly Field[] => [text(2, `${JSON.stringify(value)}\n`)];

/** Maps are lists of pairs. */
const named = (number: number, name: string, value: readonly Field[]): Field =>
  message(number, [text(1, name), message(2, value)]);

const LENGTH_DELIMITED = 2;
const NOTHING = new Uint8Array();

function message(number: number, fields: readonly Field[]): Field {
  const body = Buffer.concat(fields);
  return Buffer.concat([varint(number * 8 + LENGTH_DELIMITED), varint(body.length), body]);
}

const text = (number: number, value: unknown): Field =>
  typeof value === 'string' && value !== '' ? message(number, [Buffer.from(value)]) : NOTHING;

const flag = (number: number, value: unknown): Field =>
  value === true ? Buffer.concat([varint(number * 8), varint(1)]) : NOTHING;

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) + 0x80);
  return Uint8Array.from([...bytes, rest]);
}

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const objectOf = (value: unknown): Json => (isObject(value) ? value : {});
const listOf = (value: unknown): readonly Json[] =>
  Array.isArray(value) ? value.filter(isObject) : [];
const textsOf = (value: unknown): readonly string[] =>
  Array.isArray(value) ? value.filter((one) => typeof one === 'string') : [];
const namedOf = (value: unknown): readonly [string, Json][] =>
  Object.entries(objectOf(value)).map(([name, one]) => [name, objectOf(one)]);
