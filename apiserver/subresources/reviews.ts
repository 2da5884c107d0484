// Questions about users, answered at once and never stored: who am I, whose token is this, may
// they do that?

import { badRequest } from '../../machinery/errors.ts';
import type { TokenReview } from '../../proto/generated/authentication.v1.ts';
import type {
  SelfSubjectAccessReview,
  SelfSubjectRulesReview,
  SubjectAccessReview,
} from '../../proto/generated/authorization.v1.ts';
import type { PolicyRule } from '../../proto/generated/rbac.v1.ts';
import {
  BINDINGS,
  LOCAL_SUBJECT_ACCESS_REVIEWS,
  SELF_SUBJECT_ACCESS_REVIEWS,
  SELF_SUBJECT_REVIEWS,
  SELF_SUBJECT_RULES_REVIEWS,
  SUBJECT_ACCESS_REVIEWS,
  TOKEN_REVIEWS,
} from '../../proto/generated/resources.ts';
import { apiVersionOf, type Resource } from '../../proto/resource.ts';
import type { ServiceAccountTokens } from '../authn/service-account.ts';
import type { User } from '../authn/user.ts';
import type { Attributes, Authorize } from '../authz/attributes.ts';
import type { Call } from '../registry/registry.ts';
import type { Action, Actions } from './actions.ts';

export const VIRTUAL_RESOURCES: readonly Resource[] = [
  BINDINGS,
  TOKEN_REVIEWS,
  SELF_SUBJECT_REVIEWS,
  SELF_SUBJECT_ACCESS_REVIEWS,
  SELF_SUBJECT_RULES_REVIEWS,
  SUBJECT_ACCESS_REVIEWS,
  LOCAL_SUBJECT_ACCESS_REVIEWS,
] as readonly Resource[];

export interface ReviewParts {
  readonly authorize: Authorize;
  readonly rulesFor: (user: User, namespace: string) => readonly PolicyRule[];
  readonly tokens: ServiceAccountTokens;
}

type Run = (call: Call, body: never) => Promise<object>;

export function reviewActions({ authorize, rulesFor, tokens }: ReviewParts): Actions {
  const statusOf = (user: User, spec: AccessSpec): object => {
    const { allowed, reason } = authorize(user, attributesOf(spec));
    return { allowed, ...(reason !== '' && { reason }) };
  };

  const selfAccess = async ({ user }: Call, body: SelfSubjectAccessReview) => ({
    ...body,
    status: statusOf(user, body.spec ?? {}),
  });

  const access = async (_call: Call, body: SubjectAccessReview) => {
    const { user = '', groups = [] } = body.spec ?? {};
    if (user === '' && groups.length === 0) {
      throw badRequest('spec.user: at least one of user or group must be specified');
    }
    return { ...body, status: statusOf({ name: user, groups }, body.spec) };
  };

  const selfRules = async ({ user }: Call, body: SelfSubjectRulesReview) => ({
    ...body,
    status: rulesStatus(rulesFor(user, body.spec?.namespace ?? '')),
  });

  const self = async ({ user }: Call, body: object) => ({
    ...body,
    status: { userInfo: userInfoOf(user) },
  });

  const token = async (_call: Call, body: TokenReview) => {
    const { token: given = '', audiences } = body.spec ?? {};
    if (given === '') throw badRequest('spec.token: Required value');
    const wanted = audiences?.length ? audiences : undefined;
    const verified = await tokens.verify(given, wanted);
    const status =
      verified === undefined
        ? { user: {}, error: 'the token is not valid' }
        : {
            authenticated: true,
            user: userInfoOf(verified.user),
            audiences: verified.audiences,
          };
    return { ...body, spec: { ...body.spec, token: given }, status };
  };

  return Object.fromEntries([
    entry(SELF_SUBJECT_ACCESS_REVIEWS as Resource, selfAccess),
    entry(SUBJECT_ACCESS_REVIEWS as Resource, access),
    entry(LOCAL_SUBJECT_ACCESS_REVIEWS as Resource, access),
    entry(SELF_SUBJECT_RULES_REVIEWS as Resource, selfRules),
    entry(SELF_SUBJECT_REVIEWS as Resource, self),
    entry(TOKEN_REVIEWS as Resource, token),
  ]);
}

const entry = (resource: Resource, run: Run): [key: string, action: Action] => [
  `${resource.plural}.${resource.group}`,
  {
    bodyType: resource.type,
    apiVersion: apiVersionOf(resource),
    kind: resource.kind,
    run: run as Action['run'],
  },
];

type AccessSpec = Pick<
  SelfSubjectAccessReview['spec'],
  'resourceAttributes' | 'nonResourceAttributes'
>;

function attributesOf({ resourceAttributes, nonResourceAttributes }: AccessSpec): Attributes {
  if (nonResourceAttributes !== undefined) {
    const { verb = '', path = '' } = nonResourceAttributes;
    return { verb, path };
  }
  if (resourceAttributes === undefined) {
    throw badRequest(
      'spec.resourceAttributes: exactly one of nonResourceAttributes or resourceAttributes ' +
        'must be specified',
    );
  }
  const { verb = '', group = '', resource = '', subresource, namespace, name } = resourceAttributes;
  return {
    verb,
    group,
    plural: resource,
    subresource: subresource || undefined,
    namespace: namespace || undefined,
    name: name || undefined,
  };
}

const userInfoOf = ({ name, uid, groups, extra }: User): object => ({
  username: name,
  ...(uid !== undefined && { uid }),
  groups,
  ...(extra !== undefined && { extra }),
});

const rulesStatus = (rules: readonly PolicyRule[]): object => ({
  incomplete: false,
  resourceRules: rules
    .filter(({ resources }) => resources?.length)
    .map(({ verbs, apiGroups, resources, resourceNames }) => ({
      verbs,
      apiGroups,
      resources,
      ...(resourceNames && { resourceNames }),
    })),
  nonResourceRules: rules
    .filter(({ nonResourceURLs }) => nonResourceURLs?.length)
    .map(({ verbs, nonResourceURLs }) => ({ verbs, nonResourceURLs })),
});
