// FieldsV1 from outside → a field set: elements in their one canonical spelling, so that equal
// fields are equal texts; and elements as people read them (`[name="web"]`).

import { branchOf, type FieldSet, LEAF, SELF } from './field-set.ts';

export class FieldsError extends Error {
  override readonly name = 'FieldsError';
}

/** Objects are no deeper than this where anybody means well. */
const DEPTH_MAX = 200;

/** Throws FieldsError. Elements of unknown kinds are left out: newer servers may know them. */
export function parseFields(fields: unknown, depth = 0): FieldSet {
  if (typeof fields !== 'object' || fields === null || Array.isArray(fields)) {
    throw new FieldsError('a set of fields must be an object');
  }
  if (depth > DEPTH_MAX) throw new FieldsError('a set of fields is nested too deeply');
  const out: Record<string, FieldSet> = {};
  for (const [text, children] of Object.entries(fields)) {
    if (text === SELF) continue;
    const element = canonicalElement(text);
    if (element === undefined) continue;
    const parsed = parseFields(children, depth + 1);
    const isIn = Object.hasOwn(children, SELF) || Object.keys(children).length === 0;
    out[element] = branchOf(parsed, isIn) ?? LEAF;
  }
  return out;
}

function canonicalElement(text: string): string | undefined {
  if (text[1] !== ':') throw new FieldsError(`missing colon: ${text}`);
  const rest = text.slice(2);
  switch (text[0]) {
    case 'f':
      return text;
    case 'k':
      return keyElement(keysOf(rest));
    case 'v':
      return valueElement(parsed(rest));
    case 'i':
      if (!/^\d{1,9}$/.test(rest)) throw new FieldsError(`not a position: ${text}`);
      return `i:${Number(rest)}`;
    default:
      return undefined;
  }
}

export const valueElement = (value: unknown): string => `v:${JSON.stringify(value)}`;

const keyElement = (keys: readonly (readonly [string, unknown])[]): string =>
  `k:{${keys.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join(',')}}`;

/** By name, which is the order that elements are spelled in. */
function keysOf(text: string): readonly (readonly [string, unknown])[] {
  const keys = parsed(text);
  if (typeof keys !== 'object' || keys === null || Array.isArray(keys)) {
    throw new FieldsError(`not the keys of a list element: ${text}`);
  }
  return Object.entries(keys).sort(([a], [b]) => (a < b ? -1 : 1));
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new FieldsError(`not JSON: ${text}`, { cause: error });
  }
}

/** `.spec.containers[name="web"].image`, as upstream writes paths. */
export const pathTextOf = (elements: readonly string[]): string =>
  elements.map(elementText).join('');

function elementText(element: string): string {
  const rest = element.slice(2);
  switch (element[0]) {
    case 'f':
      return `.${rest}`;
    case 'k':
      return `[${keysOf(rest)
        .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
        .join(',')}]`;
    case 'v':
      return `[=${rest}]`;
    default:
      return `[${rest}]`;
  }
}
