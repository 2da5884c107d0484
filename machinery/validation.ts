// Validation collects every fault with its path; it never throws and never mutates.
// The texts follow the shape that Kubernetes clients print: `path: Invalid value: "x": why`.

import type { Cause } from '../proto/status.ts';

export class Faults {
  readonly #causes: Cause[] = [];

  required(field: string, why = ''): void {
    this.#add('FieldValueRequired', field, `Required value${why && `: ${why}`}`);
  }

  invalid(field: string, value: unknown, why: string): void {
    this.#add('FieldValueInvalid', field, `Invalid value: ${quote(value)}: ${why}`);
  }

  notSupported(field: string, value: unknown, supported: readonly string[]): void {
    const list = supported.map((one) => `"${one}"`).join(', ');
    this.#add(
      'FieldValueNotSupported',
      field,
      `Unsupported value: ${quote(value)}: supported values: ${list}`,
    );
  }

  duplicate(field: string, value: unknown): void {
    this.#add('FieldValueDuplicate', field, `Duplicate value: ${quote(value)}`);
  }

  notFound(field: string, value: unknown): void {
    this.#add('FieldValueNotFound', field, `Not found: ${quote(value)}`);
  }

  forbidden(field: string, why: string): void {
    this.#add('FieldValueForbidden', field, `Forbidden: ${why}`);
  }

  tooLong(field: string, max: number): void {
    this.#add('FieldValueTooLong', field, `Too long: may not be more than ${max} bytes`);
  }

  get causes(): readonly Cause[] {
    return this.#causes;
  }

  #add(reason: string, field: string, message: string): void {
    this.#causes.push({ reason, message, field });
  }
}

const quote = (value: unknown): string =>
  value === undefined ? 'null' : JSON.stringify(value).slice(0, 1024);
