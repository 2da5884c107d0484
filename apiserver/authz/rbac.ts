// Role-based access from the Role, ClusterRole and binding objects in the cluster.
//
//   ClusterRoleBinding → ClusterRole          everywhere
//   RoleBinding → Role or ClusterRole         in the binding's namespace

import { nothing, type Selector, selectorOf } from '../../machinery/labels.ts';
import type { LabelSelector } from '../../proto/generated/meta.v1.ts';
import type {
  ClusterRole,
  PolicyRule,
  Role,
  RoleRef,
  Subject,
} from '../../proto/generated/rbac.v1.ts';
import {
  CLUSTER_ROLE_BINDINGS,
  CLUSTER_ROLES,
  ROLE_BINDINGS,
  ROLES,
} from '../../proto/generated/resources.ts';
import type { ObjectReader } from '../authn/object-reader.ts';
import type { User } from '../authn/user.ts';
import { type Attributes, isAboutPath } from './attributes.ts';
import { covers } from './rules.ts';

/** The binding that grants the access, as a reason to show; undefined when none does. */
export function grantOf(
  reader: ObjectReader,
  user: User,
  attributes: Attributes,
): string | undefined {
  for (const { rule, source } of rulesOf(reader, user, namespaceOf(attributes))) {
    if (covers(rule, attributes)) return `RBAC: allowed by ${source}`;
  }
  return undefined;
}

/** Every rule that a user has in a namespace (and everywhere), with where it comes from. */
export function* rulesOf(
  reader: ObjectReader,
  user: User,
  namespace: string | undefined,
): Iterable<{ readonly rule: PolicyRule; readonly source: string }> {
  const bindings = [
    ...reader.list(CLUSTER_ROLE_BINDINGS),
    ...(namespace === undefined ? [] : reader.list(ROLE_BINDINGS, namespace)),
  ];
  for (const { metadata, subjects, roleRef } of bindings) {
    if (!subjects?.some((subject) => isSubject(subject, user, metadata.namespace))) continue;
    const kind = metadata.namespace === undefined ? 'ClusterRoleBinding' : 'RoleBinding';
    const source = `${kind} "${metadata.name}" of ${roleRef.kind} "${roleRef.name}"`;
    for (const rule of rulesOfRole(reader, roleRef, metadata.namespace)) yield { rule, source };
  }
}

/** A role that aggregates has its own rules and those of all that its selectors find. */
export function rulesOfRole(
  reader: ObjectReader,
  roleRef: RoleRef,
  namespace: string | undefined,
): readonly PolicyRule[] {
  const role = roleOf(reader, roleRef, namespace);
  const sum = role !== undefined && 'aggregationRule' in role ? role.aggregationRule : undefined;
  const selectors = sum?.clusterRoleSelectors ?? [];
  if (selectors.length === 0) return role?.rules ?? [];
  const matchers = selectors.map(matcherOf);
  const found = reader
    .list(CLUSTER_ROLES)
    .filter(({ metadata }) => matchers.some((one) => one.matches(metadata.labels)));
  return [...(role?.rules ?? []), ...found.flatMap(({ rules }) => rules ?? [])];
}

export const roleOf = (
  reader: ObjectReader,
  { kind, name }: RoleRef,
  namespace: string | undefined,
): Role | ClusterRole | undefined =>
  kind === 'ClusterRole'
    ? reader.get(CLUSTER_ROLES, { name })
    : reader.get(ROLES, { namespace, name });

/** A selector that makes no sense finds nothing: a decision is no place to complain. */
function matcherOf(selector: LabelSelector): Selector {
  try {
    return selectorOf(selector);
  } catch {
    return nothing;
  }
}

function isSubject(subject: Subject, user: User, bindingNamespace: string | undefined): boolean {
  switch (subject.kind) {
    case 'User':
      return subject.name === user.name;
    case 'Group':
      return user.groups.includes(subject.name);
    case 'ServiceAccount': {
      const namespace = subject.namespace ?? bindingNamespace ?? '';
      return user.name === `system:serviceaccount:${namespace}:${subject.name}`;
    }
    default:
      return false;
  }
}

const namespaceOf = (attributes: Attributes): string | undefined =>
  isAboutPath(attributes) || attributes.namespace === '' ? undefined : attributes.namespace;
