// Who may ask the kubelet, and how it says no.

import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import type { Clock } from '../../machinery/clock.ts';
import type { Log } from '../../machinery/log.ts';
import { Refusal, type ServedNode } from './find.ts';
import { type Target, targetOf } from './request.ts';

const CLIENT_NAME = 'kube-apiserver-kubelet-client';
const CLIENT_GROUP = 'system:masters';

export interface ServerParts {
  readonly nodes: () => readonly ServedNode[];
  readonly clock: Clock;
  readonly log: Log;
}

/** The certificate is the CA's, or TLS would have ended already; is it the right one? */
export function mayAsk({ CN, O }: { readonly CN?: unknown; readonly O?: unknown }): boolean {
  const groups = Array.isArray(O) ? O : [O];
  return CN === CLIENT_NAME && groups.includes(CLIENT_GROUP);
}

export function targetFor(request: IncomingMessage): { target: Target; query: URLSearchParams } {
  if (!mayAsk((request.socket as TLSSocket).getPeerCertificate().subject ?? {})) {
    throw new Refusal(403, 'Forbidden');
  }
  const { pathname, searchParams } = new URL(request.url ?? '/', 'https://kubelet');
  const target = targetOf(pathname);
  if (!target) throw new Refusal(404, 'no such path');
  return { target, query: searchParams };
}

export function refuse(
  { log }: ServerParts,
  error: unknown,
  tell: (code: number, message: string) => void,
): void {
  if (error instanceof Refusal) {
    tell(error.code, error.message);
    return;
  }
  log.warn('a request could not be answered', { error });
  tell(500, error instanceof Error ? error.message : 'internal error');
}
