// JSON value → canonical scalar of the API, one function a scalar type.
// A value that cannot be one throws DecodeError; the texts have the shape of Go's JSON decoder,
// which is what users of Kubernetes clients know.

import type { ScalarType } from '../../proto/schema.ts';
import { microTimestampOf, timestampOf } from '../clock.ts';
import { canonicalQuantity, QuantityError } from '../quantity.ts';

export class DecodeError extends Error {
  override readonly name = 'DecodeError';
}

/** `where()` names the Go struct field, as `PodSpec.spec.containers`; made only on failure. */
export type Normalize = (value: unknown, where: () => string) => unknown;

const INT32_MAX = 2 ** 31 - 1;

const GO_NAMES: Readonly<Record<ScalarType, string>> = {
  string: 'string',
  boolean: 'bool',
  int32: 'int32',
  int64: 'int64',
  double: 'float64',
  bytes: '[]uint8',
  quantity: 'resource.Quantity',
  intOrString: 'intstr.IntOrString',
  time: 'v1.Time',
  microTime: 'v1.MicroTime',
  duration: 'v1.Duration',
  fieldsV1: 'v1.FieldsV1',
  rawJson: 'runtime.RawExtension',
  stringList: '[]string',
};

export const goNameOf = (type: ScalarType): string => GO_NAMES[type];

export function mismatch(value: unknown, goType: string, where: () => string): DecodeError {
  const found = jsonNameOf(value);
  return new DecodeError(
    `json: cannot unmarshal ${found} into Go struct field ${where()} of type ${goType}`,
  );
}

export const NORMALIZE: Readonly<Record<ScalarType, Normalize>> = {
  string: ofType('string', 'string'),
  boolean: ofType('boolean', 'bool'),
  int32: integer(INT32_MAX, 'int32'),
  int64: integer(Number.MAX_SAFE_INTEGER, 'int64'),
  double: ofType('number', 'float64'),
  bytes: base64,
  quantity,
  intOrString(value, where) {
    if (typeof value === 'string' || isInteger(value, INT32_MAX)) return value;
    throw mismatch(value, GO_NAMES.intOrString, where);
  },
  time: (value, where) => time(value, where, timestampOf),
  microTime: (value, where) => time(value, where, microTimestampOf),
  duration: ofType('string', 'v1.Duration'),
  fieldsV1(value, where) {
    if (typeof value === 'object' && !Array.isArray(value)) return value;
    throw mismatch(value, GO_NAMES.fieldsV1, where);
  },
  rawJson: (value) => value,
  stringList(value, where) {
    if (Array.isArray(value) && value.every((one) => typeof one === 'string')) return value;
    throw mismatch(value, GO_NAMES.stringList, where);
  },
};

function jsonNameOf(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'number') return Number.isInteger(value) ? 'number' : `number ${value}`;
  return value === null ? 'null' : typeof value;
}

const isInteger = (value: unknown, max: number): value is number =>
  Number.isInteger(value) && (value as number) <= max && (value as number) >= -max - 1;

function ofType(type: 'string' | 'boolean' | 'number', goType: string): Normalize {
  return (value, where) => {
    if (typeof value === type) return value;
    throw mismatch(value, goType, where);
  };
}

function integer(max: number, goType: string): Normalize {
  return (value, where) => {
    if (isInteger(value, max)) return value;
    throw mismatch(value, goType, where);
  };
}

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

function base64(value: unknown, where: () => string): string {
  if (typeof value !== 'string') throw mismatch(value, GO_NAMES.bytes, where);
  const text = value.includes('\n') || value.includes('\r') ? value.replace(/[\r\n]/g, '') : value;
  if (BASE64.test(text)) return text;
  const at = /[^A-Za-z0-9+/]/.exec(text)?.index ?? text.length;
  throw new DecodeError(`illegal base64 data at input byte ${at}`);
}

function quantity(value: unknown, where: () => string): string {
  if (typeof value !== 'string' && typeof value !== 'number') {
    throw mismatch(value, GO_NAMES.quantity, where);
  }
  try {
    return canonicalQuantity(value);
  } catch (error) {
    if (error instanceof QuantityError) throw new DecodeError(error.message);
    throw error;
  }
}

const CANONICAL_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{6})?Z$/;
const RFC3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/i;
const CANONICAL_LENGTH: ReadonlyMap<unknown, number> = new Map<unknown, number>([
  [timestampOf, 20],
  [microTimestampOf, 27],
]);

function time(value: unknown, where: () => string, format: (ms: number) => string): string {
  if (typeof value !== 'string') throw mismatch(value, GO_NAMES.time, where);
  const epochMs = RFC3339.test(value) ? Date.parse(value) : Number.NaN;
  if (Number.isNaN(epochMs)) {
    throw new DecodeError(`parsing time "${value}" as "2006-01-02T15:04:05Z07:00": cannot parse`);
  }
  // Canonical texts stay: microseconds would not survive a way through milliseconds.
  const isCanonical = value.length === CANONICAL_LENGTH.get(format) && CANONICAL_TIME.test(value);
  return isCanonical ? value : format(epochMs);
}
