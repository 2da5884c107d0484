// Pods to nodes, one or many in a call. Every binding is authorized, made or refused by itself,
// and those of a call go to the store together.

import { badRequest } from '../../machinery/errors.ts';
import type { Log } from '../../machinery/log.ts';
import { BINDINGS_MAX, type BindRequest, type BindResults, type Ref } from '../../proto/rpc.ts';
import type { User } from '../authn/user.ts';
import { type Authorize, assertAllowed } from '../authz/attributes.ts';
import { statusOf } from '../http/answer.ts';
import type { Registry } from '../registry/registry.ts';
import { attributesOf, callOf } from './calls.ts';

export interface BindParts {
  readonly authorize: Authorize;
  readonly registry: Registry;
  readonly log: Log;
}

const BOUND = new Uint8Array(0);

/** What a binding asks; without one, what a call about several is counted as. */
export const bindAttributes = (at: Partial<BindRequest> = {}) =>
  attributesOf('create', { ...podRef(at), subresource: 'binding' });

export async function bindOne(
  { authorize, registry }: Omit<BindParts, 'log'>,
  user: User,
  binding: BindRequest,
): Promise<void> {
  assertAllowed(authorize, user, bindAttributes(binding));
  const { node, uid } = binding;
  await registry.bind(callOf(registry, user, podRef(binding)), node, uid || undefined);
}

export async function bindEach(
  parts: BindParts,
  user: User,
  bindings: readonly BindRequest[],
): Promise<BindResults> {
  if (bindings.length > BINDINGS_MAX) {
    throw badRequest(`${bindings.length} bindings in one call: at most ${BINDINGS_MAX}`);
  }
  const answers = bindings.map((binding) =>
    bindOne(parts, user, binding).then(
      () => BOUND,
      (error) => Buffer.from(JSON.stringify(statusOf(error, parts.log))),
    ),
  );
  return { refusals: await Promise.all(answers) };
}

const podRef = ({ namespace = '', name = '' }: Partial<BindRequest>): Ref => ({
  group: '',
  version: 'v1',
  plural: 'pods',
  subresource: '',
  namespace,
  name,
});
