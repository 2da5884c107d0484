// Objects that come from the API are shared by all readers of a process; whoever changes one breaks
// the others. In the simulation the attempt throws.

export function frozen<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  Object.freeze(value);
  for (const part of Object.values(value)) frozen(part);
  return value;
}
