// A client certificate → a user: CN is the name, each O a group. The TLS layer has verified the
// chain by then; this only reads the subject.

import type { PeerCertificate } from 'node:tls';
import { AUTHENTICATED, type User } from './user.ts';

/** A name that occurs several times in the subject is a list. */
type Subject = Readonly<Record<'CN' | 'O', string | string[] | undefined>>;

/** One certificate is one user, asked about with every request of its connection. */
const userOf = new WeakMap<PeerCertificate, User>();

/** Undefined when the client showed no certificate or one without a name. */
export function userOfCertificate(certificate: PeerCertificate | undefined): User | undefined {
  const known = certificate && userOf.get(certificate);
  if (known) return known;
  // Node answers an empty object for a client without a certificate.
  const subject = certificate?.subject as Subject | undefined;
  const [name] = listOf(subject?.CN);
  if (name === undefined || name === '') return undefined;
  const user = { name, groups: [...listOf(subject?.O), AUTHENTICATED] };
  userOf.set(certificate!, user);
  return user;
}

const listOf = (value: string | string[] | undefined): readonly string[] =>
  value === undefined ? [] : Array.isArray(value) ? value : [value];
