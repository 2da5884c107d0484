// Who asks? A client certificate, else a bearer token, else nobody. Credentials that are shown
// and wrong are refused, never taken for nobody.

import type { PeerCertificate } from 'node:tls';
import { StatusError } from '../../machinery/errors.ts';
import { userOfCertificate } from './certificate.ts';
import type { ServiceAccountTokens } from './service-account.ts';
import { ANONYMOUS, type User } from './user.ts';

export interface Credentials {
  /** A certificate that the TLS layer has verified. */
  readonly certificate?: PeerCertificate | undefined;
  /** A certificate was shown, but none that our authority vouches for. */
  readonly isCertificateBad?: boolean;
  /** The Authorization header. */
  readonly authorization?: string | undefined;
}

export type Authenticate = (credentials: Credentials) => User | Promise<User>;

const BEARER = /^bearer +([\w.~+/=-]+)$/i;

export function authenticator(tokens: ServiceAccountTokens): Authenticate {
  return function authenticate({ certificate, isCertificateBad, authorization }) {
    const user = userOfCertificate(certificate);
    if (user !== undefined) return user;
    if (authorization !== undefined && authorization !== '') return userOfToken(authorization);
    if (isCertificateBad) throw unauthorized();
    return ANONYMOUS;
  };

  async function userOfToken(authorization: string): Promise<User> {
    const token = BEARER.exec(authorization)?.[1];
    const verified = token === undefined ? undefined : await tokens.verify(token);
    if (verified === undefined) throw unauthorized();
    return verified.user;
  }
}

export const unauthorized = (): StatusError => new StatusError('Unauthorized', 'Unauthorized');
