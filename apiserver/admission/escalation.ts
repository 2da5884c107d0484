// Nobody grants by RBAC what they do not have: who writes a role or a binding must hold all of its
// rules already, or the verb `escalate` (on the role) or `bind` (on the role that is bound).

import { deepEqual } from '../../machinery/equality.ts';
import { forbidden, notFound } from '../../machinery/errors.ts';
import type { ClusterRole, PolicyRule, Role, RoleBinding } from '../../proto/generated/rbac.v1.ts';
import type { ObjectReader } from '../authn/object-reader.ts';
import { MASTERS } from '../authn/user.ts';
import { authorizer, rulesFor } from '../authz/authorize.ts';
import { roleOf, rulesOfRole } from '../authz/rbac.ts';
import { firstUncovered } from '../authz/rules.ts';
import type { AdmissionPlugin, AdmissionRequest } from './admission.ts';

const RBAC = 'rbac.authorization.k8s.io';
/** What an aggregating role comes to hold is not known now: it may be all there is. */
const EVERYTHING: readonly PolicyRule[] = [
  { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
  { verbs: ['*'], nonResourceURLs: ['*'] },
];

export function rbacEscalation(reader: ObjectReader): AdmissionPlugin {
  const authorize = authorizer(reader);
  return {
    name: 'RBACEscalation',
    validate(request) {
      const { call, object } = request;
      const { resource } = call.kind;
      if (resource.group !== RBAC || object === undefined) return;
      if (call.user.groups.includes(MASTERS)) return;
      const isBinding = resource.plural.endsWith('bindings');
      if (isBinding) refuseBinding(request, object as RoleBinding);
      else refuseRole(request, object as Role | ClusterRole);
    },
  };

  function refuseRole(request: AdmissionRequest, role: Role | ClusterRole): void {
    const previous = request.previous as Role | ClusterRole | undefined;
    const sums = 'aggregationRule' in role ? role.aggregationRule : undefined;
    const before = previous && 'aggregationRule' in previous ? previous.aggregationRule : undefined;
    const isSame =
      deepEqual(role.rules ?? [], previous?.rules ?? []) && deepEqual(sums ?? {}, before ?? {});
    if (previous !== undefined && isSame) return;
    const { plural } = request.call.kind.resource;
    if (mayDo(request, { verb: 'escalate', plural, name: request.name })) return;
    const rules = sums === undefined ? (role.rules ?? []) : EVERYTHING;
    refuseUncovered(request, rules);
  }

  function refuseBinding(request: AdmissionRequest, binding: RoleBinding): void {
    const previous = request.previous as RoleBinding | undefined;
    const isSame =
      deepEqual(binding.roleRef, previous?.roleRef) &&
      deepEqual(binding.subjects ?? [], previous?.subjects ?? []);
    if (previous !== undefined && isSame) return;
    const { kind, name } = binding.roleRef;
    const plural = kind === 'ClusterRole' ? 'clusterroles' : 'roles';
    if (mayDo(request, { verb: 'bind', plural, name })) return;
    // One that is not there yet could be made to hold anything.
    if (roleOf(reader, binding.roleRef, request.namespace) === undefined) {
      throw notFound({ group: RBAC, plural, kind }, name);
    }
    refuseUncovered(request, rulesOfRole(reader, binding.roleRef, request.namespace));
  }

  function mayDo(
    { call, namespace }: AdmissionRequest,
    what: { readonly verb: string; readonly plural: string; readonly name: string },
  ): boolean {
    return authorize(call.user, { ...what, group: RBAC, namespace }).allowed;
  }

  function refuseUncovered(request: AdmissionRequest, rules: readonly PolicyRule[]): void {
    const { call, namespace, name } = request;
    const held = rulesFor(reader, call.user, namespace);
    const missing = firstUncovered(held, rules);
    if (missing === undefined) return;
    const why =
      `user "${call.user.name}" (groups=${JSON.stringify(call.user.groups)}) is attempting to ` +
      `grant RBAC permissions not currently held: ${JSON.stringify(missing)}`;
    throw forbidden(call.kind.resource, name, why);
  }
}
