// The certificate that a connection shows. The library reads it from the TLS layer for every call,
// which costs about as much as the rest of a small one: a connection has one, so it is read once.

import type { PeerCertificate } from 'node:tls';
import type { ServerUnaryCall } from '@grpc/grpc-js';

export type Incoming = Pick<ServerUnaryCall<unknown, unknown>, 'getAuthContext' | 'metadata'>;

/** Where the library keeps a call's connection; not in its types, so it may be absent one day. */
interface Inside {
  readonly call?: { readonly stream?: { readonly session?: object } };
}

const shownOn = new WeakMap<object, { readonly certificate: PeerCertificate | undefined }>();

export function certificateOf(incoming: Incoming): PeerCertificate | undefined {
  const session = (incoming as Inside).call?.stream?.session;
  const known = session && shownOn.get(session);
  if (known) return known.certificate;
  const certificate = incoming.getAuthContext()?.sslPeerCertificate;
  if (session) shownOn.set(session, { certificate });
  return certificate;
}
