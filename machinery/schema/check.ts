// What the schema alone can say of a decoded object: required fields and closed sets of values.
// Everything else a kind's own `validate` says. Only branches that hold such a field are walked.

import type { FieldSchema, SchemaTables } from '../../proto/schema.ts';
import type { Faults } from '../validation.ts';
import { compileOnDemand, onceEach } from './table.ts';

export type Check = (object: object, faults: Faults) => void;

/** The status is the server's and the components' own: it is not held against a client. */
const UNCHECKED = new Set(['metadata', 'status']);

export function schemaChecks(tables: SchemaTables): (type: string) => Check {
  const messageOf = compileOnDemand<Message>(
    tables,
    () => ({ fields: [], isWorthWalking: false }),
    (message, { fields }, of) => {
      for (const [name, field] of Object.entries(fields)) {
        const child = typeof field.type === 'object' ? of(field.type.ref) : undefined;
        const isRequired = field.required === true && isMissable(field);
        const supported = field.enum && [...field.enum].sort();
        if (isRequired || supported || child) {
          message.fields.push({ name, field, isRequired, supported, child });
        }
      }
    },
  );
  return onceEach((type) => {
    const message = messageOf(type);
    markWorthWalking(message);
    const fields = message.fields.filter(({ name }) => !UNCHECKED.has(name));
    return (object, faults) => {
      for (const one of fields) {
        checkField(one, (object as Record<string, unknown>)[one.name], one.name, faults);
      }
    };
  });
}

interface Field {
  readonly name: string;
  readonly field: FieldSchema;
  readonly isRequired: boolean;
  readonly supported: readonly string[] | undefined;
  readonly child: Message | undefined;
}

interface Message {
  fields: Field[];
  /** Set once the circle of messages is complete. */
  isWorthWalking: boolean;
}

/** Absent numbers and flags are zero to Go; absent lists are empty: `validate` knows better. */
const isMissable = ({ type, shape }: FieldSchema): boolean =>
  shape === 'one' && (typeof type === 'object' || type === 'string');

function markWorthWalking(root: Message): void {
  const all = new Set<Message>();
  const collect = (message: Message): void => {
    if (all.has(message)) return;
    all.add(message);
    for (const { child } of message.fields) if (child) collect(child);
  };
  collect(root);
  for (let changed = true; changed; ) {
    changed = false;
    for (const message of all) {
      const isWorth = message.fields.some(
        (one) => one.isRequired || one.supported !== undefined || one.child?.isWorthWalking,
      );
      if (isWorth && !message.isWorthWalking) {
        message.isWorthWalking = true;
        changed = true;
      }
    }
  }
  for (const message of all) {
    message.fields = message.fields.filter(
      (one) => one.isRequired || one.supported !== undefined || one.child?.isWorthWalking,
    );
  }
}

function checkField(one: Field, value: unknown, path: string, faults: Faults): void {
  if (value === undefined || value === '') {
    if (one.isRequired) faults.required(path);
    return;
  }
  const { child, supported } = one;
  if (one.field.shape === 'one') {
    if (supported) checkSupported(value, supported, path, faults);
    if (child) checkMessage(child, value as Record<string, unknown>, path, faults);
    return;
  }
  if (one.field.shape === 'list') {
    for (const [index, item] of (value as unknown[]).entries()) {
      if (supported) checkSupported(item, supported, `${path}[${index}]`, faults);
      if (child) {
        checkMessage(child, item as Record<string, unknown>, `${path}[${index}]`, faults);
      }
    }
    return;
  }
  if (!child) return;
  for (const [key, item] of Object.entries(value as Record<string, unknown>)) {
    checkMessage(child, item as Record<string, unknown>, `${path}[${key}]`, faults);
  }
}

function checkMessage(
  message: Message,
  object: Record<string, unknown>,
  path: string,
  faults: Faults,
): void {
  for (const one of message.fields) {
    checkField(one, object[one.name], `${path}.${one.name}`, faults);
  }
}

function checkSupported(
  value: unknown,
  supported: readonly string[],
  path: string,
  faults: Faults,
): void {
  if (!supported.includes(value as string)) faults.notSupported(path, value, supported);
}
