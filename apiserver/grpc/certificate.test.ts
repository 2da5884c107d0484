import type { PeerCertificate } from 'node:tls';
import { Metadata } from '@grpc/grpc-js';
import { expect, test } from 'vitest';
import { certificateOf, type Incoming } from './certificate.ts';

function connection(name: string) {
  const session = {};
  let reads = 0;
  const getAuthContext = (): ReturnType<Incoming['getAuthContext']> => {
    reads++;
    return { sslPeerCertificate: { subject: { CN: name } } as PeerCertificate };
  };
  const incoming = () => ({
    metadata: new Metadata(),
    getAuthContext,
    call: { stream: { session } },
  });
  return { incoming, getAuthContext, reads: () => reads };
}

test('a certificate is read once a connection, and never taken for that of another', () => {
  const ada = connection('ada');
  const bob = connection('bob');
  const names = [ada, bob, ada, bob].map((one) => certificateOf(one.incoming())?.subject.CN);
  expect(names).toEqual(['ada', 'bob', 'ada', 'bob']);
  expect([ada.reads(), bob.reads()]).toEqual([1, 1]);
});

test('where the connection cannot be told, every call is asked for its certificate', () => {
  const { getAuthContext, reads } = connection('ada');
  const incoming = { metadata: new Metadata(), getAuthContext };
  expect(certificateOf(incoming)?.subject.CN).toBe('ada');
  expect(certificateOf(incoming)?.subject.CN).toBe('ada');
  expect(reads()).toBe(2);
});

test('a connection without a certificate stays without one', () => {
  const incoming = {
    metadata: new Metadata(),
    getAuthContext: () => ({}),
    call: { stream: { session: {} } },
  };
  expect(certificateOf(incoming)).toBeUndefined();
  expect(certificateOf(incoming)).toBeUndefined();
});
