// Compiles something once for every message of the schema tables, recursion included: messages
// refer to each other in circles, so a compiled message is known by name before it is complete.

import type { MessageSchema, SchemaTables } from '../../proto/schema.ts';
import { InvariantError } from '../errors.ts';

/** `make` may ask for other messages at once; `fill` runs when the first asker has its handle. */
export function compileOnDemand<C>(
  tables: SchemaTables,
  make: (message: MessageSchema) => C,
  fill: (compiled: C, message: MessageSchema, compiledOf: (type: string) => C) => void,
): (type: string) => C {
  const known = new Map<string, C>();
  const compiledOf = (type: string): C => {
    const before = known.get(type);
    if (before !== undefined) return before;
    const message = tables[type];
    if (message === undefined) throw new InvariantError(`no schema of type ${type}`);
    const compiled = make(message);
    known.set(type, compiled);
    fill(compiled, message, compiledOf);
    return compiled;
  };
  return compiledOf;
}

/** `io.k8s.api.core.v1.PodSpec` → `PodSpec`. */
export const shortNameOf = (type: string): string => type.slice(type.lastIndexOf('.') + 1);

/** Remembers what was made for a name; there are as many names as types. */
export function onceEach<M>(make: (type: string) => M): (type: string) => M {
  const made = new Map<string, M>();
  return (type) => {
    let one = made.get(type);
    if (one === undefined) {
      one = make(type);
      made.set(type, one);
    }
    return one;
  };
}
