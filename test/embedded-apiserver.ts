// A real API server inside the test's process: memory store, free ports on loopback, its own
// authority, and an administrator's certificate for whoever wants to come in by the doors.

import { type ApiServer, startApiServer } from '../apiserver/start.ts';
import { makeCa, makeSigningKey } from '../machinery/certificates.ts';
import { systemClock } from '../machinery/clock.ts';
import { silentLog } from '../machinery/log.ts';
import { systemRandom } from '../machinery/random.ts';

export interface EmbeddedApiServer {
  readonly server: ApiServer;
  readonly ca: string;
  /** Certificate and key of a member of system:masters. */
  readonly admin: { readonly certificate: string; readonly key: string };
  close(): Promise<void>;
}

export async function startEmbeddedApiServer(): Promise<EmbeddedApiServer> {
  const ambient = { clock: systemClock, random: systemRandom, log: silentLog };
  const ca = await makeCa('test', ambient);
  const hosts = ['127.0.0.1', 'localhost'];
  const [serverPair, admin, signing] = await Promise.all([
    ca.issue({ commonName: 'kube-apiserver', usages: ['server'], hosts }),
    ca.issue({ commonName: 'admin', organizations: ['system:masters'], usages: ['client'] }),
    makeSigningKey(),
  ]);
  const server = await startApiServer(
    {
      listen: '127.0.0.1:0',
      grpcListen: '127.0.0.1:0',
      store: { kind: 'memory' },
      tls: { ca: ca.certificate, ...serverPair },
      serviceAccountKey: signing.key,
      serviceCidr: '10.96.0.0/16',
      advertiseAddress: '127.0.0.1',
    },
    ambient,
  );
  return { server, ca: ca.certificate, admin, close: () => server.close() };
}
