// Numbers that may be percentages: maxSurge, maxUnavailable, minAvailable; and ports by name.

export type IntOrString = number | string;

const PERCENT = /^(\d+)%$/;

export const isPercent = (value: IntOrString): boolean =>
  typeof value === 'string' && PERCENT.test(value);

/** The number, or the percentage of `total` rounded as told; undefined when it is neither. */
export function scaled(
  value: IntOrString,
  total: number,
  rounding: 'up' | 'down',
): number | undefined {
  if (typeof value === 'number') return value;
  const match = PERCENT.exec(value);
  if (!match) return undefined;
  const exact = (Number(match[1]) * total) / 100;
  return rounding === 'up' ? Math.ceil(exact) : Math.floor(exact);
}
