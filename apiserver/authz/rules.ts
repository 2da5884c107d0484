// Policy rules as RBAC has them, and whether one covers an access. Pure.
// Source of the matching: rbac.authorization.k8s.io/v1 PolicyRule.

import type { PolicyRule } from '../../proto/generated/rbac.v1.ts';
import { type Attributes, isAboutPath, resourceNameOf } from './attributes.ts';

export function isCovered(rules: readonly PolicyRule[], attributes: Attributes): boolean {
  return rules.some((rule) => covers(rule, attributes));
}

export function covers(rule: PolicyRule, attributes: Attributes): boolean {
  if (!has(rule.verbs, attributes.verb)) return false;
  if (isAboutPath(attributes)) {
    return (rule.nonResourceURLs ?? []).some((pattern) => matchesPath(pattern, attributes.path));
  }
  const { group, name, subresource } = attributes;
  return (
    has(rule.apiGroups, group) &&
    hasResource(rule.resources, resourceNameOf(attributes), subresource) &&
    hasName(rule.resourceNames, name)
  );
}

const has = (list: readonly string[] | undefined, value: string): boolean =>
  list !== undefined && (list.includes(value) || list.includes('*'));

/** `*` covers everything, `pods/*` is not a thing, but `*` + `/scale` covers every scale. */
const hasResource = (
  list: readonly string[] | undefined,
  wanted: string,
  subresource: string | undefined,
): boolean =>
  has(list, wanted) || (subresource !== undefined && list?.includes(`*/${subresource}`) === true);

/** No names in the rule: any name, and requests without a name. */
const hasName = (list: readonly string[] | undefined, name: string | undefined): boolean =>
  list === undefined || list.length === 0 || (name !== undefined && list.includes(name));

const matchesPath = (pattern: string, path: string): boolean =>
  pattern === path || (pattern.endsWith('*') && path.startsWith(pattern.slice(0, -1)));

/** A rule is taken apart into single accesses: a hostile one must not cost minutes. */
const ACCESSES_MAX = 10_000;

/** The first of `wanted` that the held rules do not cover altogether. */
export function firstUncovered(
  held: readonly PolicyRule[],
  wanted: readonly PolicyRule[],
): PolicyRule | undefined {
  let left = ACCESSES_MAX;
  return wanted.find((rule) => {
    left -= countOf(rule);
    return left < 0 || [...accessesOf(rule)].some((access) => !isCovered(held, access));
  });
}

const countOf = ({ verbs, apiGroups, resources, resourceNames, nonResourceURLs }: PolicyRule) =>
  verbs.length *
  ((nonResourceURLs?.length ?? 0) +
    (apiGroups?.length ?? 0) * (resources?.length ?? 0) * Math.max(resourceNames?.length ?? 0, 1));

function* accessesOf(rule: PolicyRule): Iterable<Attributes> {
  const { verbs, apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] } = rule;
  for (const verb of verbs) {
    for (const path of nonResourceURLs) yield { verb, path };
    for (const group of apiGroups) {
      for (const resource of resources) {
        const [plural = '', ...rest] = resource.split('/');
        const subresource = rest.length > 0 ? rest.join('/') : undefined;
        const names = resourceNames.length > 0 ? resourceNames : [undefined];
        for (const name of names) yield { verb, group, plural, subresource, name };
      }
    }
  }
}
