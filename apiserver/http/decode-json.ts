// JSON text → a value that is safe to walk: bounded in depth, free of `__proto__` keys, and with
// the duplicate fields that JSON.parse silently drops. Finding none costs one cheap pass: as many
// keys in the text as in the parsed value means that no key came twice.

import { badRequest } from '../../machinery/errors.ts';

/** Deeper than any manifest, shallow enough for recursive walkers. */
const DEPTH_MAX = 200;
/** A hostile body could repeat one field thousands of times; nobody reads that many. */
const DUPLICATES_MAX = 10;

export interface DecodedJson {
  readonly value: unknown;
  /** Paths such as `spec.replicas`. */
  readonly duplicates: readonly string[];
  /** There was a `__proto__`: no field of any kind, and left out wherever it stood. */
  readonly hadPrototype: boolean;
}

interface Count {
  keys: number;
  prototypes: number;
}

export function decodeJson(text: string): DecodedJson {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw badRequest(`couldn't parse the body as JSON: ${why}`, { cause: error });
  }
  const count: Count = { keys: 0, prototypes: 0 };
  clean(value, 0, count);
  const duplicates = keysInText(text) === count.keys ? [] : duplicatesIn(text);
  return { value, duplicates, hadPrototype: count.prototypes > 0 };
}

/** Counts the keys of the whole value; drops `__proto__` (but counts it) on the way. */
function clean(value: unknown, depth: number, count: Count): void {
  if (typeof value !== 'object' || value === null) return;
  if (depth > DEPTH_MAX) throw badRequest(`the body is nested deeper than ${DEPTH_MAX} levels`);
  if (Array.isArray(value)) {
    for (const item of value) clean(item, depth + 1, count);
    return;
  }
  const record = value as Record<string, unknown>;
  for (const key of Object.keys(record)) {
    count.keys += 1;
    if (key === '__proto__') {
      count.prototypes += 1;
      delete record[key];
    } else clean(record[key], depth + 1, count);
  }
}

/** Where the string that begins behind `open` ends: the index of its closing quote. */
function closingQuote(text: string, open: number): number {
  let close = text.indexOf('"', open + 1);
  while (isEscaped(text, close)) close = text.indexOf('"', close + 1);
  return close;
}

function isEscaped(text: string, at: number): boolean {
  let slashes = 0;
  while (text.charCodeAt(at - 1 - slashes) === 0x5c) slashes += 1;
  return slashes % 2 === 1;
}

/** The text is known to be valid JSON: a string followed by a colon is a key. */
function keysInText(text: string): number {
  let keys = 0;
  let open = text.indexOf('"');
  while (open >= 0) {
    const close = closingQuote(text, open);
    if (isKey(text, close)) keys += 1;
    open = text.indexOf('"', close + 1);
  }
  return keys;
}

function isKey(text: string, close: number): boolean {
  let at = close + 1;
  while (text.charCodeAt(at) <= 0x20) at += 1;
  return text.charCodeAt(at) === 0x3a;
}

interface Level {
  /** Keys seen so far; undefined inside an array. */
  readonly keys: Set<string> | undefined;
  readonly path: string;
  index: number;
  key: string;
}

/** The slow pass, only for bodies that have duplicates. */
function duplicatesIn(text: string): readonly string[] {
  const found = new Set<string>();
  const levels: Level[] = [];
  for (let at = 0; at < text.length && found.size < DUPLICATES_MAX; at++) {
    const level = levels.at(-1);
    switch (text[at]) {
      case '{':
      case '[':
        levels.push(levelInside(level, text[at] === '{'));
        break;
      case '}':
      case ']':
        levels.pop();
        break;
      case ',':
        if (level !== undefined) level.index += 1;
        break;
      case '"': {
        const close = closingQuote(text, at);
        if (level?.keys !== undefined && isKey(text, close)) {
          level.key = JSON.parse(text.slice(at, close + 1)) as string;
          if (level.keys.has(level.key)) found.add(pathOf(level));
          level.keys.add(level.key);
        }
        at = close;
        break;
      }
    }
  }
  return [...found];
}

const levelInside = (parent: Level | undefined, isObject: boolean): Level => ({
  keys: isObject ? new Set() : undefined,
  path: parent === undefined ? '' : pathOf(parent),
  index: 0,
  key: '',
});

function pathOf({ keys, path, index, key }: Level): string {
  if (keys === undefined) return `${path}[${index}]`;
  return path === '' ? key : `${path}.${key}`;
}
