// Roles and their bindings: who may do what.

import { isPathSegment } from '../../machinery/names.ts';
import type { Faults } from '../../machinery/validation.ts';
import type {
  ClusterRole,
  ClusterRoleBinding,
  Role,
  RoleBinding,
  Subject,
} from '../../proto/generated/rbac.v1.ts';
import {
  CLUSTER_ROLE_BINDINGS,
  CLUSTER_ROLES,
  ROLE_BINDINGS,
  ROLES,
} from '../../proto/generated/resources.ts';
import type { ApiObject } from '../../proto/resource.ts';
import { AGE, NAME } from '../registry/columns.ts';
import { type Column, defineKind } from '../registry/kind.ts';
import { validateImmutable } from './template.ts';

const RBAC_GROUP = 'rbac.authorization.k8s.io';

const createdAt: Column<ApiObject> = {
  name: 'Created At',
  value: ({ metadata }) => metadata.creationTimestamp ?? '',
};

export const roleKind = defineKind<Role>({
  resource: ROLES,
  validName: isPathSegment,
  hasAllColumns: true,
  columns: [NAME, createdAt],
  validate: validateRules,
});

export const clusterRoleKind = defineKind<ClusterRole>({
  resource: CLUSTER_ROLES,
  validName: isPathSegment,
  hasAllColumns: true,
  columns: [NAME, createdAt],
  validate: validateRules,
});

export const roleBindingKind = defineKind<RoleBinding>({
  resource: ROLE_BINDINGS,
  validName: isPathSegment,
  hasAllColumns: true,
  columns: bindingColumns(),
  defaults: defaultBinding,
  validate: validateBinding,
  validateUpdate: validateRoleRef,
});

export const clusterRoleBindingKind = defineKind<ClusterRoleBinding>({
  resource: CLUSTER_ROLE_BINDINGS,
  validName: isPathSegment,
  hasAllColumns: true,
  columns: bindingColumns(),
  defaults: defaultBinding,
  validate: validateBinding,
  validateUpdate: validateRoleRef,
});

type Binding = RoleBinding | ClusterRoleBinding;

function bindingColumns(): readonly Column<ApiObject>[] {
  const ofKind = (name: string, kind: string): Column<ApiObject> => ({
    name,
    wide: true,
    value: (object) =>
      ((object as Binding).subjects ?? [])
        .filter((one) => one.kind === kind)
        .map((one) => (kind === 'ServiceAccount' ? `${one.namespace}/${one.name}` : one.name))
        .join(', '),
  });
  return [
    NAME,
    {
      name: 'Role',
      value: (object) => `${(object as Binding).roleRef.kind}/${(object as Binding).roleRef.name}`,
    },
    AGE,
    ofKind('Users', 'User'),
    ofKind('Groups', 'Group'),
    ofKind('ServiceAccounts', 'ServiceAccount'),
  ];
}

function defaultBinding(binding: Binding): void {
  if (binding.roleRef) binding.roleRef.apiGroup ||= RBAC_GROUP;
  for (const subject of binding.subjects ?? []) {
    if (subject.kind === 'User' || subject.kind === 'Group') subject.apiGroup ||= RBAC_GROUP;
  }
}

function validateBinding(binding: Binding, faults: Faults): void {
  const { roleRef } = binding;
  const roles = binding.kind === 'RoleBinding' ? ['ClusterRole', 'Role'] : ['ClusterRole'];
  if (roleRef?.kind && !roles.includes(roleRef.kind)) {
    faults.notSupported('roleRef.kind', roleRef.kind, roles);
  }
  for (const [index, subject] of (binding.subjects ?? []).entries()) {
    validateSubject(subject, `subjects[${index}]`, faults);
  }
}

function validateSubject({ kind, namespace }: Subject, path: string, faults: Faults): void {
  if (!kind) return;
  const kinds = ['ServiceAccount', 'User', 'Group'];
  if (!kinds.includes(kind)) faults.notSupported(`${path}.kind`, kind, kinds);
  else if (kind === 'ServiceAccount' && !namespace) faults.required(`${path}.namespace`);
}

function validateRoleRef(binding: Binding, previous: Binding, faults: Faults): void {
  const change = { value: binding.roleRef, previous: previous.roleRef };
  validateImmutable('roleRef', change, faults);
}

function validateRules({ rules = [] }: Role | ClusterRole, faults: Faults): void {
  for (const [index, rule] of (rules ?? []).entries()) {
    const at = `rules[${index}]`;
    if (!rule.verbs?.length)
      faults.required(`${at}.verbs`, 'verbs must contain at least one value');
    if (rule.nonResourceURLs?.length) {
      if (!rule.resources?.length && !rule.apiGroups?.length) continue;
      const why = 'rules cannot apply to both regular resources and non-resource URLs';
      faults.invalid(`${at}.nonResourceURLs`, rule.nonResourceURLs, why);
      continue;
    }
    if (!rule.apiGroups?.length) {
      faults.required(`${at}.apiGroups`, 'resource rules must supply at least one api group');
    }
    if (!rule.resources?.length) {
      faults.required(`${at}.resources`, 'resource rules must supply at least one resource');
    }
  }
}
