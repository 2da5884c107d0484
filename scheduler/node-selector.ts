// Which nodes a selector means: the terms are alternatives, the requirements of one term must all
// hold. Source of the semantics: NodeSelector of Kubernetes' core/v1.

import type {
  Node,
  NodeSelectorRequirement,
  NodeSelectorTerm,
} from '../proto/generated/core.v1.ts';

/** No alternatives match nothing; so does an empty term. */
export const matchesAnyTerm = (terms: readonly NodeSelectorTerm[], node: Node): boolean =>
  terms.some((term) => matchesTerm(term, node));

export function matchesTerm(term: NodeSelectorTerm, node: Node): boolean {
  const { matchExpressions = [], matchFields = [] } = term;
  if (matchExpressions.length === 0 && matchFields.length === 0) return false;
  const labels = node.metadata.labels ?? {};
  return (
    matchExpressions.every((it) => matchesRequirement(it, valueIn(labels, it.key))) &&
    matchFields.every((it) => matchesRequirement(it, fieldOf(node, it.key)))
  );
}

export type LabelPairs = readonly (readonly [key: string, value: string])[];

export function matchesLabels(wanted: LabelPairs, { metadata: { labels } }: Node): boolean {
  for (const [key, value] of wanted) if (labels?.[key] !== value) return false;
  return true;
}

function matchesRequirement(
  { operator, values = [] }: NodeSelectorRequirement,
  actual: string | undefined,
): boolean {
  switch (operator) {
    case 'In':
      return actual !== undefined && values.includes(actual);
    case 'NotIn':
      return actual === undefined || !values.includes(actual);
    case 'Exists':
      return actual !== undefined;
    case 'DoesNotExist':
      return actual === undefined;
    case 'Gt':
    case 'Lt':
      return compares(operator, actual, values[0]);
    default:
      return false;
  }
}

const INTEGER = /^[+-]?\d+$/;

function compares(
  operator: 'Gt' | 'Lt',
  actual: string | undefined,
  bound: string | undefined,
): boolean {
  if (actual === undefined || bound === undefined) return false;
  if (!INTEGER.test(actual) || !INTEGER.test(bound)) return false;
  return operator === 'Gt' ? BigInt(actual) > BigInt(bound) : BigInt(actual) < BigInt(bound);
}

/** The only field that upstream lets a selector name. */
const fieldOf = (node: Node, key: string): string | undefined =>
  key === 'metadata.name' ? node.metadata.name : undefined;

const valueIn = (labels: Readonly<Record<string, string>>, key: string): string | undefined =>
  Object.hasOwn(labels, key) ? labels[key] : undefined;
