// The `wherry.*` options and the doc comment of a parsed element. protobufjs keeps options in the order written.

import type protobuf from 'protobufjs';

export type Options = ReadonlyMap<string, unknown>;

const OPTION = /^\(wherry\.(\w+)\)$/;

/** Options by their short name: `(wherry.list_type)` is `list_type`. */
export function optionsOf(element: protobuf.ReflectionObject): Options {
  const options = new Map<string, unknown>();
  const parsed: readonly Record<string, unknown>[] = element.parsedOptions ?? [];
  const entries = [...Object.entries(element.options ?? {}), ...parsed.flatMap(Object.entries)];
  for (const [written, value] of entries) {
    const name = OPTION.exec(written)?.[1];
    if (name !== undefined) options.set(name, value);
  }
  return options;
}

/** The comment above it, as one line. */
export function docOf(element: protobuf.ReflectionObject): string {
  return (element.comment ?? '').replaceAll('\n', ' ');
}

export function stringOption(options: Options, name: string): string | undefined {
  const value = options.get(name);
  return value === undefined ? undefined : String(value);
}

/** Values separated by blanks. */
export function wordsOption(options: Options, name: string): readonly string[] | undefined {
  return stringOption(options, name)?.split(' ').filter(Boolean);
}

export function isSet(options: Options, name: string): boolean {
  return options.get(name) === true;
}
