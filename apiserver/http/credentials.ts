// What a connection and a request show of the client. A connection's certificate is read once.

import type { IncomingMessage } from 'node:http';
import type { PeerCertificate, TLSSocket } from 'node:tls';
import type { Credentials } from '../authn/authenticate.ts';

interface Shown {
  readonly certificate: PeerCertificate | undefined;
  readonly isCertificateBad: boolean;
}

const shownOn = new WeakMap<TLSSocket, Shown>();

export function credentialsOf({ socket, headers }: IncomingMessage): Credentials {
  const shown = certificateOn(socket as TLSSocket);
  const { authorization } = headers;
  return authorization === undefined ? shown : { ...shown, authorization };
}

function certificateOn(socket: TLSSocket): Shown {
  const known = shownOn.get(socket);
  if (known !== undefined) return known;
  const certificate = socket.getPeerCertificate?.() as PeerCertificate | undefined;
  const isPresent = certificate !== undefined && Object.keys(certificate).length > 0;
  const shown = {
    certificate: isPresent && socket.authorized ? certificate : undefined,
    isCertificateBad: isPresent && !socket.authorized,
  };
  shownOn.set(socket, shown);
  return shown;
}
