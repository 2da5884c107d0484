// Does a pod put up with a taint? Source of the semantics: Toleration of Kubernetes' core/v1.

import type { Taint, Toleration } from '../proto/generated/core.v1.ts';

type TaintLike = Pick<Taint, 'key' | 'value' | 'effect'>;

export const isTolerated = (
  tolerations: readonly Toleration[] | undefined,
  taint: TaintLike,
): boolean => tolerations?.some((toleration) => tolerates(toleration, taint)) ?? false;

/** No effect: every effect. No key (with Exists): every key. */
function tolerates(toleration: Toleration, taint: TaintLike): boolean {
  const { key = '', operator = 'Equal', value = '', effect } = toleration;
  if (effect !== undefined && effect !== taint.effect) return false;
  if (key !== '' && key !== taint.key) return false;
  switch (operator) {
    case 'Exists':
      return true;
    case 'Equal':
      return key !== '' && value === (taint.value ?? '');
    case 'Lt':
    case 'Gt':
      return key !== '' && compares(operator, taint.value ?? '', value);
  }
}

const INTEGER = /^(0|-?[1-9]\d*)$/;

/** The taint's number against the toleration's bound. */
function compares(operator: 'Lt' | 'Gt', actual: string, bound: string): boolean {
  if (!INTEGER.test(actual) || !INTEGER.test(bound)) return false;
  return operator === 'Lt' ? BigInt(actual) < BigInt(bound) : BigInt(actual) > BigInt(bound);
}
