// What a decision is about: who wants to do what. Made from a REST request, a gRPC call or an
// access review alike.

import { forbidden, StatusError } from '../../machinery/errors.ts';
import { ANONYMOUS, type User } from '../authn/user.ts';

export interface ResourceAttributes {
  readonly verb: string;
  readonly group: string;
  readonly plural: string;
  readonly subresource?: string | undefined;
  readonly namespace?: string | undefined;
  readonly name?: string | undefined;
}

export interface PathAttributes {
  readonly verb: string;
  readonly path: string;
}

export type Attributes = ResourceAttributes | PathAttributes;

export type Decision =
  | { readonly allowed: true; readonly reason: string }
  | { readonly allowed: false; readonly reason: string };

/** A list or watch of one object by its name asks for no more than that object. */
export const nameInSelector = (fieldSelector: string | null | undefined): string | undefined =>
  fieldSelector ? /^metadata\.name==?([^,=!]+)$/.exec(fieldSelector)?.[1] : undefined;

/** Decides from what is in memory: a decision never waits. */
export type Authorize = (user: User, attributes: Attributes) => Decision;

export const isAboutPath = (attributes: Attributes): attributes is PathAttributes =>
  'path' in attributes;

/** `pods/log`: how rules and messages name a subresource. */
export const resourceNameOf = ({ plural, subresource }: ResourceAttributes): string =>
  subresource === undefined ? plural : `${plural}/${subresource}`;

export function assertAllowed(authorize: Authorize, user: User, attributes: Attributes): void {
  const decision = authorize(user, attributes);
  if (decision.allowed) return;
  // Who has not said who they are may try again and say it.
  if (user === ANONYMOUS) throw new StatusError('Unauthorized', 'Unauthorized');
  throw refusal(user, attributes, decision.reason);
}

function refusal(user: User, attributes: Attributes, reason: string): StatusError {
  const why = reason === '' ? '' : `: ${reason}`;
  if (isAboutPath(attributes)) {
    const { verb, path } = attributes;
    const message = `forbidden: User "${user.name}" cannot ${verb} path "${path}"${why}`;
    return new StatusError('Forbidden', message);
  }
  const { verb, group, plural, namespace, name } = attributes;
  const where = namespace ? `in the namespace "${namespace}"` : 'at the cluster scope';
  const text =
    `User "${user.name}" cannot ${verb} resource "${resourceNameOf(attributes)}"` +
    ` in API group "${group}" ${where}${why}`;
  return forbidden({ group, plural, kind: '' }, name ?? '', text);
}
