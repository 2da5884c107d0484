// Kubernetes quantities (`100m`, `1.5Gi`, `12e6`), exact: a count of billionths as a bigint.
//   text → Quantity { nanos, format } → value(), milliValue(), toString() (canonical)
// Canonical: no fraction, the largest suffix that loses nothing. Source: the Quantity type of
// Kubernetes' apimachinery (values finer than 1n are rounded away from zero).

export type QuantityFormat = 'decimal' | 'binary' | 'exponent';

/** Longer texts are no numbers that anybody means. */
const TEXT_LENGTH_MAX = 64;
/** 10^36: far beyond int64, small enough that nobody can make us multiply megabytes. */
const EXPONENT_MAX = 36;
const CACHED_MAX = 1024;

const NANO = 9n;
const ONE = 10n ** NANO;
const MILLI = 10n ** 6n;
const BINARY_VALUE_MAX = 2n ** 63n - 1n;

const DECIMAL_EXPONENTS: Readonly<Record<string, number>> = {
  n: -9,
  u: -6,
  m: -3,
  '': 0,
  k: 3,
  M: 6,
  G: 9,
  T: 12,
  P: 15,
  E: 18,
};
const BINARY_EXPONENTS: Readonly<Record<string, number>> = {
  Ki: 10,
  Mi: 20,
  Gi: 30,
  Ti: 40,
  Pi: 50,
  Ei: 60,
};
const DECIMAL_SUFFIXES = ['n', 'u', 'm', '', 'k', 'M', 'G', 'T', 'P', 'E'];
const BINARY_SUFFIXES = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'];

const SHAPE = /^([+-]?)(\d*)(?:\.(\d*))?([eEinumkKMGTP]*[-+]?\d*)$/;
const ALREADY_CANONICAL = /^(?:0|[1-9]\d{0,2}(?:[numkMGTPE]|[KMGTPE]i)?)$/;

export class QuantityError extends Error {
  override readonly name = 'QuantityError';
}

export class Quantity {
  static readonly zero: Quantity = new Quantity(0n, 'decimal');

  readonly nanos: bigint;
  readonly format: QuantityFormat;

  constructor(nanos: bigint, format: QuantityFormat) {
    this.nanos = nanos;
    this.format = format;
  }

  /** Whole units, rounded away from zero. */
  value(): number {
    return Number(divideAway(this.nanos, ONE));
  }

  /** Thousandths, rounded away from zero. */
  milliValue(): number {
    return Number(divideAway(this.nanos, MILLI));
  }

  isZero(): boolean {
    return this.nanos === 0n;
  }

  add(other: Quantity): Quantity {
    return new Quantity(this.nanos + other.nanos, this.isZero() ? other.format : this.format);
  }

  sub(other: Quantity): Quantity {
    return new Quantity(this.nanos - other.nanos, this.isZero() ? other.format : this.format);
  }

  /** Negative, zero or positive, as `this` is less, equal or greater. */
  compare(other: Quantity): number {
    return this.nanos < other.nanos ? -1 : this.nanos > other.nanos ? 1 : 0;
  }

  /** The canonical text. */
  toString(): string {
    return formatQuantity(this);
  }
}

/** Numbers are accepted because JSON clients may send them unquoted. */
export function parseQuantity(text: string | number): Quantity {
  const source = String(text);
  const match = source.length <= TEXT_LENGTH_MAX ? SHAPE.exec(source) : null;
  const [, sign = '', whole = '', fraction = '', suffix = ''] = match ?? [];
  if (!match || whole + fraction === '') {
    throw new QuantityError(
      "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
    );
  }
  const { format, base, exponent } = readSuffix(suffix);
  const digits = BigInt(whole + fraction);
  const nanos =
    base === 2n
      ? capped(scale(digits << BigInt(exponent), 9 - fraction.length))
      : scale(digits, exponent + 9 - fraction.length);
  // A binary fraction of one unit (0.5Ki is none) reads better in decimal, as upstream has it.
  const shown = format === 'binary' && nanos > 0n && nanos < ONE ? 'decimal' : format;
  return new Quantity(sign === '-' ? -nanos : nanos, shown);
}

export function isQuantity(text: string | number): boolean {
  try {
    parseQuantity(text);
    return true;
  } catch {
    return false;
  }
}

/** The canonical text of a quantity's text; throws QuantityError. Hot: most texts are canonical. */
export const canonicalQuantity = (text: string | number): string =>
  typeof text === 'string' && ALREADY_CANONICAL.test(text) ? text : parseQuantity(text).toString();

const milliCache = new Map<string, number>();
const valueCache = new Map<string, number>();

/** Thousandths of a quantity text; a cluster repeats few texts, so answers are kept. */
export const milliValueOf = (text: string | undefined): number =>
  text === undefined ? 0 : remembered(milliCache, text, (quantity) => quantity.milliValue());

/** Whole units of a quantity text. */
export const wholeValueOf = (text: string | undefined): number =>
  text === undefined ? 0 : remembered(valueCache, text, (quantity) => quantity.value());

export const quantityOfMilli = (milli: number, format: QuantityFormat = 'decimal'): Quantity =>
  new Quantity(BigInt(milli) * MILLI, format);

export const quantityOfValue = (value: number, format: QuantityFormat = 'decimal'): Quantity =>
  new Quantity(BigInt(value) * ONE, format);

function remembered(
  cache: Map<string, number>,
  text: string,
  measure: (quantity: Quantity) => number,
): number {
  const known = cache.get(text);
  if (known !== undefined) return known;
  const value = measure(parseQuantity(text));
  if (cache.size >= CACHED_MAX) cache.clear();
  cache.set(text, value);
  return value;
}

function readSuffix(suffix: string): { format: QuantityFormat; base: bigint; exponent: number } {
  const decimal = DECIMAL_EXPONENTS[suffix];
  if (decimal !== undefined) return { format: 'decimal', base: 10n, exponent: decimal };
  const binary = BINARY_EXPONENTS[suffix];
  if (binary !== undefined) return { format: 'binary', base: 2n, exponent: binary };
  const exponent = /^[eE]([-+]?\d+)$/.test(suffix) ? Number(suffix.slice(1)) : Number.NaN;
  if (!(Math.abs(exponent) <= EXPONENT_MAX)) {
    throw new QuantityError("unable to parse quantity's suffix");
  }
  return { format: 'exponent', base: 10n, exponent };
}

const capped = (nanos: bigint): bigint =>
  nanos > BINARY_VALUE_MAX * ONE ? BINARY_VALUE_MAX * ONE : nanos;

const scale = (digits: bigint, power: number): bigint =>
  power >= 0 ? digits * 10n ** BigInt(power) : divideAway(digits, 10n ** BigInt(-power));

function divideAway(dividend: bigint, divisor: bigint): bigint {
  const quotient = dividend / divisor;
  if (quotient * divisor === dividend) return quotient;
  return dividend > 0n ? quotient + 1n : quotient - 1n;
}

function formatQuantity({ nanos, format }: Quantity): string {
  if (nanos === 0n) return '0';
  if (format === 'binary' && nanos % ONE === 0n && (nanos >= 1024n * ONE || nanos <= -1024n * ONE))
    return formatBinary(nanos / ONE);
  let mantissa = nanos;
  let step = 0;
  while (step < DECIMAL_SUFFIXES.length - 1 && mantissa % 1000n === 0n) {
    mantissa /= 1000n;
    step++;
  }
  const exponent = step * 3 - 9;
  if (format !== 'exponent') return `${mantissa}${DECIMAL_SUFFIXES[step]}`;
  return exponent === 0 ? `${mantissa}` : `${mantissa}e${exponent}`;
}

function formatBinary(value: bigint): string {
  let mantissa = value;
  let step = 0;
  while (step < BINARY_SUFFIXES.length - 1 && mantissa % 1024n === 0n) {
    mantissa /= 1024n;
    step++;
  }
  return `${mantissa}${BINARY_SUFFIXES[step]}`;
}
