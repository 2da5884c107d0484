// Tokens of service accounts: signed JWTs that name the account and, when bound, the object they
// die with. A token is good while it has not expired and the account (and its pod) still exists
// under the same uid.

import { createHash, createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import type { JWTPayload } from 'jose';
import type { Clock } from '../../machinery/clock.ts';
import type { Random } from '../../machinery/random.ts';
import { PODS, SECRETS, SERVICE_ACCOUNTS } from '../../proto/generated/resources.ts';
import type { Resource } from '../../proto/resource.ts';
import type { ObjectReader } from './object-reader.ts';
import { AUTHENTICATED, type User } from './user.ts';

export const ISSUER = 'https://kubernetes.default.svc';
/** How tokens of this server are marked, besides the audiences they were asked for. */
export const API_AUDIENCES: readonly string[] = [ISSUER];

/** Verifying a signature costs about 0.2 ms: what was verified is remembered. */
const VERIFIED_MAX = 1_000;

const BINDABLE: Readonly<Record<string, Resource>> = { pod: PODS, secret: SECRETS };

interface Named {
  readonly name: string;
  readonly uid: string;
}

export interface TokenSubject {
  readonly namespace: string;
  readonly serviceAccount: Named;
  readonly pod?: Named;
  readonly secret?: Named;
  readonly node?: Partial<Named> & { readonly name: string };
  readonly audiences: readonly string[];
  readonly lifetimeSeconds: number;
}

export interface VerifiedToken {
  readonly user: User;
  readonly audiences: readonly string[];
  readonly expiresMs: number;
}

export interface ServiceAccountTokens {
  sign(subject: TokenSubject): Promise<{ readonly token: string; readonly expiresMs: number }>;
  /** Undefined: not a token of this server, expired, or its subject is gone. */
  verify(token: string, audiences?: readonly string[]): Promise<VerifiedToken | undefined>;
}

export interface TokenParts {
  /** PEM of the private key, EC P-256 or RSA. */
  readonly signingKey: string;
  readonly reader: ObjectReader;
  readonly clock: Clock;
  readonly random: Random;
}

interface Claims extends JWTPayload {
  readonly 'kubernetes.io'?: {
    readonly namespace: string;
    readonly serviceaccount: Named;
    readonly pod?: Named;
    readonly secret?: Named;
    readonly node?: Partial<Named>;
  };
}

export function serviceAccountTokens(parts: TokenParts): ServiceAccountTokens {
  const { reader, clock, random } = parts;
  const privateKey = createPrivateKey(parts.signingKey);
  const publicKey = createPublicKey(privateKey);
  const algorithm = privateKey.asymmetricKeyType === 'rsa' ? 'RS256' : 'ES256';
  const keyId = keyIdOf(publicKey);
  const verified = new Map<string, Claims>();

  return {
    async sign(subject) {
      const { SignJWT } = await import('jose');
      const issuedSeconds = Math.floor(clock.now() / 1000);
      const expiresSeconds = issuedSeconds + subject.lifetimeSeconds;
      const token = await new SignJWT({ 'kubernetes.io': boundClaims(subject) })
        .setProtectedHeader({ alg: algorithm, kid: keyId })
        .setIssuer(ISSUER)
        .setSubject(userNameOf(subject.namespace, subject.serviceAccount.name))
        .setAudience([...subject.audiences])
        .setIssuedAt(issuedSeconds)
        .setNotBefore(issuedSeconds)
        .setExpirationTime(expiresSeconds)
        .setJti(random.uuid())
        .sign(privateKey);
      return { token, expiresMs: expiresSeconds * 1000 };
    },

    async verify(token, audiences = API_AUDIENCES) {
      const claims = verified.get(token) ?? (await signedClaims(token));
      if (claims === undefined) return undefined;
      if (verified.size >= VERIFIED_MAX) verified.clear();
      verified.set(token, claims);
      return holderOf(claims, audiences);
    },
  };

  async function signedClaims(token: string): Promise<Claims | undefined> {
    const { jwtVerify, errors } = await import('jose');
    try {
      const { payload } = await jwtVerify<Claims>(token, publicKey, {
        issuer: ISSUER,
        algorithms: [algorithm],
        currentDate: new Date(clock.now()),
        requiredClaims: ['exp', 'sub', 'kubernetes.io'],
      });
      return payload;
    } catch (error) {
      if (error instanceof errors.JOSEError) return undefined;
      throw error;
    }
  }

  function holderOf(claims: Claims, wanted: readonly string[]): VerifiedToken | undefined {
    const expiresMs = (claims.exp ?? 0) * 1000;
    const audiences = [claims.aud ?? []].flat().filter((one) => wanted.includes(one));
    const bound = claims['kubernetes.io'];
    if (bound === undefined || expiresMs <= clock.now() || audiences.length === 0) return undefined;
    const { namespace, serviceaccount } = bound;
    if (!stillThere(SERVICE_ACCOUNTS, namespace, serviceaccount)) return undefined;
    for (const [kind, resource] of Object.entries(BINDABLE)) {
      const named = bound[kind as 'pod' | 'secret'];
      if (named !== undefined && !stillThere(resource, namespace, named)) return undefined;
    }
    return { user: userOfClaims(claims, bound), audiences, expiresMs };
  }

  function stillThere(resource: Resource, namespace: string, { name, uid }: Named): boolean {
    return reader.get(resource, { namespace, name })?.metadata.uid === uid;
  }
}

const userNameOf = (namespace: string, name: string): string =>
  `system:serviceaccount:${namespace}:${name}`;

/** The fixed names of a token's public key, so that verifiers can find it among several. */
const keyIdOf = (key: KeyObject): string =>
  createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest('base64url');

const boundClaims = ({ namespace, serviceAccount, pod, secret, node }: TokenSubject) => ({
  namespace,
  serviceaccount: serviceAccount,
  ...(pod && { pod }),
  ...(secret && { secret }),
  ...(node && { node }),
});

function userOfClaims(claims: Claims, bound: NonNullable<Claims['kubernetes.io']>): User {
  const { namespace, serviceaccount, pod, node } = bound;
  const extra: Record<string, readonly string[]> = {
    'authentication.kubernetes.io/credential-id': [`JTI=${claims.jti ?? ''}`],
    ...(pod && {
      'authentication.kubernetes.io/pod-name': [pod.name],
      'authentication.kubernetes.io/pod-uid': [pod.uid],
    }),
    ...(node?.name && { 'authentication.kubernetes.io/node-name': [node.name] }),
  };
  return {
    name: userNameOf(namespace, serviceaccount.name),
    uid: serviceaccount.uid,
    groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, AUTHENTICATED],
    extra,
  };
}
