// Secrets of type kubernetes.io/service-account-token: filled with a token of the account that
// they name, and gone when that account is gone.
//
//   Secret that names an account ─► its own key
//   ServiceAccount change ────────► the secrets that name it
//   reconcile                       read the secret → plan (pure) → ask for a token → fill, or delete

import type { Informer } from '../../client/lister.ts';
import type { Clock } from '../../machinery/clock.ts';
import { hasReason } from '../../machinery/errors.ts';
import { isDeleting, keyFor, keyOf, splitKey } from '../../machinery/object.ts';
import type { Transport } from '../../machinery/transport.ts';
import type { TokenRequest } from '../../proto/generated/authentication.v1.ts';
import type { Secret, ServiceAccount } from '../../proto/generated/core.v1.ts';
import { SECRETS, SERVICE_ACCOUNTS } from '../../proto/generated/resources.ts';
import type { ApiObject } from '../../proto/resource.ts';
import { type Controller, type Key, source } from '../controller.ts';

const WORKERS = 2;
const TYPE = 'kubernetes.io/service-account-token';
const NAME_ANNOTATION = 'kubernetes.io/service-account.name';
const UID_ANNOTATION = 'kubernetes.io/service-account.uid';

/** Asked for; the server may grant less. Renewed when this share of what it granted has passed. */
const LIFETIME_SECONDS = 365 * 24 * 3600;
const EXPIRY_ANNOTATION = 'wherry.io/token-renew-after';
const RENEW_SHARE = 0.8;
const RECHECK_MS = 24 * 3600 * 1000;

/** Index of secrets by the key of the account that they name. */
export const BY_ACCOUNT = 'account';

export const accountIndex = ({ metadata }: ApiObject): readonly Key[] => {
  const account = metadata.annotations?.[NAME_ANNOTATION];
  return account === undefined ? [] : [keyFor(metadata.namespace, account)];
};

/** What caches must keep of a secret's annotations for this controller. */
export const isAccountAnnotation = (name: string): boolean =>
  name === NAME_ANNOTATION || name === UID_ANNOTATION;

export interface AccountTokenDependencies {
  /** Metadata suffices. Indexed by account (`BY_ACCOUNT`). */
  readonly secrets: Informer<ApiObject>;
  readonly accounts: Informer<ServiceAccount>;
  readonly transport: Transport;
  readonly clock: Clock;
  /** PEM. */
  readonly rootCa: string;
}

export type TokenPlan = 'leave' | 'fill' | 'delete';

export function accountTokenController(deps: AccountTokenDependencies): Controller {
  const { secrets, accounts, transport, clock } = deps;
  return {
    name: 'account-tokens',
    workers: WORKERS,
    sources: [
      source(secrets, (secret) => (accountIndex(secret).length > 0 ? [keyOf(secret)] : [])),
      source(accounts, (account) => secrets.byIndex(BY_ACCOUNT, keyOf(account)).map(keyOf)),
    ],

    async reconcile(key) {
      if (secrets.get(key) === undefined) return undefined;
      const secret = await read(transport, SECRETS, key);
      if (secret === undefined || secret.type !== TYPE) return undefined;
      const [accountKey] = accountIndex(secret);
      if (accountKey === undefined) return undefined;
      const account = await read(transport, SERVICE_ACCOUNTS, accountKey);
      const plan = planToken(secret, account, clock.now());
      if (plan === 'delete') await remove(transport, secret);
      if (plan === 'fill' && account !== undefined) await fill(deps, secret, account);
      return account === undefined ? undefined : { requeueAfterMs: RECHECK_MS };
    },
  };
}

export function planToken(
  secret: Secret,
  account: ServiceAccount | undefined,
  nowMs: number,
): TokenPlan {
  if (isDeleting(secret)) return 'leave';
  const { annotations = {} } = secret.metadata;
  const uid = annotations[UID_ANNOTATION];
  // Without a uid it may have been made before its account: only a known account can be gone.
  if (account === undefined) return uid === undefined ? 'leave' : 'delete';
  if (uid !== undefined && uid !== account.metadata.uid) return 'delete';
  const { token, namespace, 'ca.crt': ca } = secret.data ?? {};
  const isOld = nowMs > Date.parse(annotations[EXPIRY_ANNOTATION] ?? '');
  return token && namespace && ca && !isOld ? 'leave' : 'fill';
}

async function fill(
  { transport, clock, rootCa }: AccountTokenDependencies,
  secret: Secret,
  account: ServiceAccount,
): Promise<void> {
  const { name, uid } = secret.metadata;
  const request: TokenRequest = {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    metadata: { name: '' },
    // Bound to the secret: whoever deletes it takes the token back.
    spec: {
      audiences: [],
      expirationSeconds: LIFETIME_SECONDS,
      boundObjectRef: { apiVersion: 'v1', kind: 'Secret', name, ...(uid !== undefined && { uid }) },
    },
  };
  const at = account.metadata;
  const options = { subresource: 'token', at };
  const answer = await transport.create<ServiceAccount, TokenRequest>(
    SERVICE_ACCOUNTS,
    request,
    options,
  );
  const { token = '', expirationTimestamp = '' } = answer.status ?? {};
  const nowMs = clock.now();
  const renewMs = nowMs + (Date.parse(expirationTimestamp) - nowMs) * RENEW_SHARE;
  await transport.update(SECRETS, {
    ...secret,
    metadata: {
      ...secret.metadata,
      annotations: {
        ...secret.metadata.annotations,
        [UID_ANNOTATION]: account.metadata.uid ?? '',
        ...(renewMs > 0 && { [EXPIRY_ANNOTATION]: new Date(renewMs).toISOString() }),
      },
    },
    data: {
      ...secret.data,
      token: base64(token),
      namespace: base64(secret.metadata.namespace ?? ''),
      'ca.crt': base64(rootCa),
    },
  });
}

async function read<T extends ApiObject>(
  transport: Transport,
  resource: Parameters<typeof transport.get<T>>[0],
  key: Key,
): Promise<T | undefined> {
  try {
    return await transport.get(resource, splitKey(key));
  } catch (error) {
    if (hasReason(error, 'NotFound')) return undefined;
    throw error;
  }
}

async function remove(transport: Transport, { metadata }: Secret): Promise<void> {
  try {
    await transport.delete(SECRETS, metadata, { preconditions: { uid: metadata.uid } });
  } catch (error) {
    if (!hasReason(error, 'NotFound')) throw error;
  }
}

const base64 = (text: string): string => Buffer.from(text).toString('base64');
