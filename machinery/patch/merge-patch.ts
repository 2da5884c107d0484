// JSON merge patch, RFC 7386: objects merge, null removes, everything else replaces.

import { copyOf, isObject, type JsonObject, safeKey } from './json-value.ts';

/** The result shares nothing with `current` or `patch`. */
export function applyMergePatch(current: unknown, patch: unknown): unknown {
  return merged(current, copyOf(patch));
}

function merged(current: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const result: JsonObject = isObject(current) ? copyOf(current) : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else {
      const before = Object.hasOwn(result, key) ? result[key] : undefined;
      result[safeKey(key)] = merged(before, value);
    }
  }
  return result;
}
