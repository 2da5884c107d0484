// Reads and writes the messages of rpc.proto: a message is a table of its fields, typed by the
// interface it carries. Zero values are left out on the wire and filled in on reading; unknown
// fields are skipped. `bytes` are views into what was received, never copies.

import protobuf from 'protobufjs/minimal.js';

type Reader = InstanceType<typeof protobuf.Reader>;
type Writer = InstanceType<typeof protobuf.Writer>;

export interface FieldCodec<T> {
  initial(): T;
  write(writer: Writer, number: number, value: T): void;
  /** `previous` is what the message held for this field so far. */
  read(reader: Reader, previous: T): T;
}

export interface MessageCodec<T> extends FieldCodec<T> {
  encode(message: T): Buffer;
  /** Throws RangeError on bytes that are no such message. */
  decode(bytes: Uint8Array): T;
}

type Fields<T> = { readonly [K in keyof T]-?: readonly [number: number, codec: FieldCodec<T[K]>] };

const VARINT = 0;
const DELIMITED = 2;
const NO_BYTES = Buffer.alloc(0);

export const text: FieldCodec<string> = {
  initial: () => '',
  write(writer, number, value) {
    if (value !== '') writer.uint32((number << 3) | DELIMITED).string(value);
  },
  read: (reader) => reader.string(),
};

export const uint32: FieldCodec<number> = {
  initial: () => 0,
  write(writer, number, value) {
    if (value !== 0) writer.uint32((number << 3) | VARINT).uint32(value);
  },
  read: (reader) => reader.uint32(),
};

export const bool: FieldCodec<boolean> = {
  initial: () => false,
  write(writer, number, value) {
    if (value) writer.uint32((number << 3) | VARINT).bool(value);
  },
  read: (reader) => reader.bool(),
};

export const bytes: FieldCodec<Uint8Array> = {
  initial: () => NO_BYTES,
  write(writer, number, value) {
    if (value.length > 0) writer.uint32((number << 3) | DELIMITED).bytes(value);
  },
  read: (reader) => reader.bytes(),
};

/** An enum by the names of its values, in order from 0. */
export const oneOf = <const N extends string>(names: readonly [N, ...N[]]): FieldCodec<N> => ({
  initial: () => names[0],
  write(writer, number, value) {
    const index = names.indexOf(value);
    if (index > 0) writer.uint32((number << 3) | VARINT).uint32(index);
  },
  read(reader) {
    const index = reader.uint32();
    const name = names[index];
    if (name === undefined) throw new RangeError(`no enum value ${index}`);
    return name;
  },
});

export const repeatedBytes: FieldCodec<readonly Uint8Array[]> = {
  initial: () => [],
  write(writer, number, values) {
    for (const value of values) writer.uint32((number << 3) | DELIMITED).bytes(value);
  },
  read: (reader, previous) => appended(previous, reader.bytes()),
};

export const repeated = <T>(item: MessageCodec<T>): FieldCodec<readonly T[]> => ({
  initial: () => [],
  write(writer, number, values) {
    for (const value of values) item.write(writer, number, value);
  },
  read: (reader, previous) => appended(previous, item.read(reader, item.initial())),
});

/** The list belongs to the message that is being read: it grows in place. */
function appended<T>(list: readonly T[], item: T): readonly T[] {
  (list as T[]).push(item);
  return list;
}

export function message<T extends object>(fields: Fields<T>): MessageCodec<T> {
  type Field = readonly [name: keyof T, codec: FieldCodec<T[keyof T]>];
  const entries = Object.entries(fields) as [keyof T, readonly [number, FieldCodec<T[keyof T]>]][];
  const byNumber: Field[] = [];
  for (const [name, [number, codec]] of entries) byNumber[number] = [name, codec];

  const initial = (): T =>
    Object.fromEntries(entries.map(([name, [, codec]]) => [name, codec.initial()])) as T;

  function writeFields(writer: Writer, value: T): void {
    for (const [name, [number, codec]] of entries) codec.write(writer, number, value[name]);
  }

  function readFields(reader: Reader, end: number): T {
    const value = initial();
    while (reader.pos < end) {
      const tag = reader.uint32();
      const field = byNumber[tag >>> 3];
      if (field === undefined) reader.skipType(tag & 7);
      else value[field[0]] = field[1].read(reader, value[field[0]]);
    }
    return value;
  }

  return {
    initial,
    write(writer, number, value) {
      writer.uint32((number << 3) | DELIMITED).fork();
      writeFields(writer, value);
      writer.ldelim();
    },
    read(reader) {
      const length = reader.uint32();
      return readFields(reader, reader.pos + length);
    },
    encode(value) {
      const writer = protobuf.Writer.create();
      writeFields(writer, value);
      return writer.finish() as Buffer;
    },
    decode(encoded) {
      const reader = protobuf.Reader.create(encoded);
      return readFields(reader, reader.len);
    },
  };
}
