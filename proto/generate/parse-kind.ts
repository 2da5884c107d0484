// The `(wherry.kind)` option → Kind.

import type { Kind } from './model.ts';
import type { FileHead } from './parse.ts';

export function parseKind(option: unknown, name: string, head: FileHead): Kind {
  const given = (typeof option === 'object' && option !== null ? option : {}) as Partial<
    Record<string, unknown>
  >;
  const text = (key: string): string | undefined => {
    const value = given[key];
    return typeof value === 'string' ? value : undefined;
  };
  const plural = text('plural');
  return {
    gvk: { group: text('group') ?? head.group, version: head.version, kind: name },
    ...(plural !== undefined && { plural }),
    singular: text('singular') ?? name.toLowerCase(),
    namespaced: given.namespaced === true,
    shortNames: listOf(given.short_names),
    categories: listOf(given.categories),
    constant: text('constant') ?? constantOf(name, plural ?? name.toLowerCase()),
  };
}

const listOf = (value: unknown): readonly string[] => {
  if (value === undefined) return [];
  return (Array.isArray(value) ? value : [value]).map(String);
};

/** `NetworkPolicy`, `networkpolicies` → `NETWORK_POLICIES`. */
function constantOf(kind: string, plural: string): string {
  let shared = 0;
  while (shared < kind.length && kind[shared]?.toLowerCase() === plural[shared]) shared += 1;
  const words = kind
    .slice(0, shared)
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replace(/([A-Z])([A-Z][a-z])/g, '$1_$2');
  return (words + plural.slice(shared)).toUpperCase();
}
