// A real API server inside the test's process: memory store, free ports on loopback, its own
// authority, and an administrator's certificate for whoever wants to come in by the doors.

import { type ApiServer, type ApiServerConfig, startApiServer } from '../apiserver/start.ts';
import { makeCa, makeSigningKey } from '../machinery/certificates.ts';
import { systemClock } from '../machinery/clock.ts';
import { silentLog } from '../machinery/log.ts';
import { systemRandom } from '../machinery/random.ts';

export interface EmbeddedApiServer {
  /** The one that runs now. */
  readonly server: ApiServer;
  readonly ca: string;
  /** Certificate and key of a member of system:masters. */
  readonly admin: { readonly certificate: string; readonly key: string };
  /** Stops it and starts another one at the same addresses. A memory store begins empty. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

export async function startEmbeddedApiServer(
  store: ApiServerConfig['store'] = { kind: 'memory' },
): Promise<EmbeddedApiServer> {
  const ambient = { clock: systemClock, random: systemRandom, log: silentLog };
  const ca = await makeCa('test', ambient);
  const hosts = ['127.0.0.1', 'localhost'];
  const [serverPair, admin, signing] = await Promise.all([
    ca.issue({ commonName: 'kube-apiserver', usages: ['server'], hosts }),
    ca.issue({ commonName: 'admin', organizations: ['system:masters'], usages: ['client'] }),
    makeSigningKey(),
  ]);
  const config = {
    listen: '127.0.0.1:0',
    grpcListen: '127.0.0.1:0',
    store,
    tls: { ca: ca.certificate, ...serverPair },
    serviceAccountKey: signing.key,
    serviceCidr: '10.96.0.0/16',
    advertiseAddress: '127.0.0.1',
  };
  let server = await startApiServer(config, ambient);
  return {
    get server() {
      return server;
    },
    ca: ca.certificate,
    admin,
    async restart() {
      await server.close();
      const listen = new URL(server.httpsUrl).host;
      server = await startApiServer({ ...config, listen, grpcListen: server.grpcAddress }, ambient);
    },
    close: () => server.close(),
  };
}
