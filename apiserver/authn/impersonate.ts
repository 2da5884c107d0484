// Acting as somebody else (`kubectl --as`): each name that a request claims must be granted.
//
//   Impersonate-User     impersonate users, or serviceaccounts in their namespace
//   Impersonate-Group    impersonate groups
//   Impersonate-Uid      impersonate uids.authentication.k8s.io
//   Impersonate-Extra-X  impersonate userextras.authentication.k8s.io/X

import type { IncomingHttpHeaders } from 'node:http';
import { badRequest } from '../../machinery/errors.ts';
import { type Authorize, assertAllowed } from '../authz/attributes.ts';
import { ANONYMOUS, AUTHENTICATED, type User } from './user.ts';

const EXTRA = 'impersonate-extra-';
const SERVICE_ACCOUNT = /^system:serviceaccount:([^:]+):([^:]+)$/;
const GROUPS_MAX = 100;

/** The user to act as; `user` where the request claims nobody. Throws Forbidden. */
export function impersonated(user: User, headers: IncomingHttpHeaders, authorize: Authorize): User {
  const claims = Object.keys(headers).filter((header) => header.startsWith('impersonate-'));
  if (claims.length === 0) return user;
  const name = textOf(headers['impersonate-user']);
  if (name === '') {
    throw badRequest('requested groups, uid or extra of a user without impersonating a user');
  }
  const mayBe = (plural: string, claimed: string, rest: Claimed = {}) =>
    assertAllowed(authorize, user, {
      verb: 'impersonate',
      group: '',
      plural,
      name: claimed,
      ...rest,
    });
  const account = SERVICE_ACCOUNT.exec(name);
  if (account === null) mayBe('users', name);
  else mayBe('serviceaccounts', account[2] ?? '', { namespace: account[1] });

  const groups = listOf(headers['impersonate-group']);
  if (groups.length > GROUPS_MAX) throw badRequest('too many groups to impersonate');
  for (const group of groups) mayBe('groups', group);
  const uid = textOf(headers['impersonate-uid']);
  if (uid !== '') mayBe('uids', uid, AUTHENTICATION);
  const extra: Record<string, readonly string[]> = {};
  for (const header of claims.filter((one) => one.startsWith(EXTRA))) {
    const key = keyOf(header);
    extra[key] = listOf(headers[header]);
    for (const value of extra[key]) {
      mayBe('userextras', value, { ...AUTHENTICATION, subresource: key });
    }
  }
  return { name, groups: groupsOf(name, groups, account?.[1]), ...(uid && { uid }), extra };
}

const AUTHENTICATION = { group: 'authentication.k8s.io' };

interface Claimed {
  readonly group?: string;
  readonly namespace?: string | undefined;
  readonly subresource?: string;
}

function groupsOf(
  name: string,
  groups: readonly string[],
  accountNamespace: string | undefined,
): readonly string[] {
  if (name === ANONYMOUS.name) return ANONYMOUS.groups;
  const own =
    accountNamespace === undefined || groups.length > 0
      ? groups
      : ['system:serviceaccounts', `system:serviceaccounts:${accountNamespace}`];
  return [...new Set([...own, AUTHENTICATED])];
}

function keyOf(header: string): string {
  try {
    return decodeURIComponent(header.slice(EXTRA.length));
  } catch (error) {
    throw badRequest(`malformed header ${header}`, { cause: error });
  }
}

const textOf = (header: string | string[] | undefined): string => listOf(header)[0] ?? '';

/** Node joins repeated headers with a comma and a space. */
const listOf = (header: string | string[] | undefined): readonly string[] =>
  header === undefined ? [] : [header].flat().flatMap((one) => one.split(', '));
