// May they? The first that says yes decides:
//
//   system:masters → public paths → rules of every user → component tables → RBAC objects
//
// A node is held to its own objects before its rules count.

import type { PolicyRule } from '../../proto/generated/rbac.v1.ts';
import type { ObjectReader } from '../authn/object-reader.ts';
import { AUTHENTICATED, MASTERS, type User } from '../authn/user.ts';
import type { Authorize, Decision } from './attributes.ts';
import { AUTHENTICATED_RULES, PUBLIC, RULES_OF_GROUP, RULES_OF_USER } from './built-in.ts';
import { foreignToNode } from './node.ts';
import { grantOf, rulesOf } from './rbac.ts';
import { isCovered } from './rules.ts';

const yes = (reason = ''): Decision => ({ allowed: true, reason });
const no = (reason = ''): Decision => ({ allowed: false, reason });

export function authorizer(reader: ObjectReader): Authorize {
  return function authorize(user, attributes) {
    if (user.groups.includes(MASTERS)) return yes();
    if (isCovered(PUBLIC, attributes)) return yes();
    const foreign = foreignToNode(reader, user, attributes);
    if (foreign !== undefined) return no(foreign);
    if (isCovered(builtInRulesOf(user), attributes)) return yes();
    const grant = grantOf(reader, user, attributes);
    return grant === undefined ? no() : yes(grant);
  };
}

/** All that a user may do in a namespace, for SelfSubjectRulesReview. */
export function rulesFor(
  reader: ObjectReader,
  user: User,
  namespace: string | undefined,
): readonly PolicyRule[] {
  const everything: readonly PolicyRule[] = [
    { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
    { verbs: ['*'], nonResourceURLs: ['*'] },
  ];
  if (user.groups.includes(MASTERS)) return everything;
  const granted = [...rulesOf(reader, user, namespace)].map(({ rule }) => rule);
  return [...PUBLIC, ...builtInRulesOf(user), ...granted];
}

const builtInRules = new WeakMap<User, readonly PolicyRule[]>();

/** The tables do not change; a user is one value for all requests of a connection. */
function builtInRulesOf(user: User): readonly PolicyRule[] {
  const known = builtInRules.get(user);
  if (known !== undefined) return known;
  const rules = rulesInTables(user);
  builtInRules.set(user, rules);
  return rules;
}

function rulesInTables(user: User): readonly PolicyRule[] {
  const own = Object.hasOwn(RULES_OF_USER, user.name) ? (RULES_OF_USER[user.name] ?? []) : [];
  const groups = user.groups.flatMap((group) =>
    Object.hasOwn(RULES_OF_GROUP, group) ? (RULES_OF_GROUP[group] ?? []) : [],
  );
  const everybody = user.groups.includes(AUTHENTICATED) ? AUTHENTICATED_RULES : [];
  return [...own, ...groups, ...everybody];
}
