// JSON values as patches see them, and the copy that keeps a patch's result apart from its inputs.

import { badRequest } from '../errors.ts';

export type JsonObject = { [key: string]: unknown };

/** Deeper than any object of the API, shallow enough for every stack. */
const DEPTH_MAX = 200;

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Refuses what no object may hold: a key that would become its prototype, endless nesting. */
export function copyOf<T>(value: T, depth = 0): T {
  if (typeof value !== 'object' || value === null) return value;
  if (depth > DEPTH_MAX) throw badRequest(`the body is nested deeper than ${DEPTH_MAX} levels`);
  if (Array.isArray(value)) return value.map((item) => copyOf(item, depth + 1)) as T;
  const copy: JsonObject = {};
  for (const key of Object.keys(value)) {
    copy[safeKey(key)] = copyOf((value as JsonObject)[key], depth + 1);
  }
  return copy as T;
}

export function safeKey(key: string): string {
  if (key === '__proto__') throw badRequest('"__proto__" may not be the name of a field');
  return key;
}
