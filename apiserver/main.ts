// The apiserver as a process: flags → config → run until told to stop.

import { readFileSync } from 'node:fs';
import { systemClock } from '../machinery/clock.ts';
import { runComponent } from '../machinery/component.ts';
import { type Config, choice, list, parseFlags, text, UsageError } from '../machinery/flags.ts';
import { LOG_LEVELS, stdoutLog } from '../machinery/log.ts';
import { systemRandom } from '../machinery/random.ts';
import { type ApiServerConfig, startApiServer } from './start.ts';
import type { StoreConfig } from './store/open.ts';

const FLAGS = {
  listen: text('127.0.0.1:6443', 'address of the REST API, over HTTPS'),
  'grpc-listen': text('127.0.0.1:6444', 'address of the gRPC API, over mutual TLS'),
  'advertise-address': text('', 'address that pods reach this server under'),
  store: choice(['embedded', 'memory', 'etcd'], 'embedded', 'where objects are kept'),
  'data-dir': text('', 'folder of the embedded store'),
  'etcd-endpoints': list(['http://127.0.0.1:2379'], 'etcd servers, comma-separated'),
  'etcd-prefix': text('', 'put in front of every key, so that clusters can share one etcd'),
  'etcd-ca-file': text('', 'authority of the etcd servers'),
  'etcd-cert-file': text('', 'client certificate for etcd'),
  'etcd-key-file': text('', 'key of the client certificate for etcd'),
  'ca-file': text('', 'authority that vouches for clients and kubelets'),
  'cert-file': text('', 'serving certificate'),
  'key-file': text('', 'key of the serving certificate'),
  'sa-key-file': text('', 'key that signs service-account tokens'),
  'kubelet-client-cert-file': text('', 'client certificate for kubelets'),
  'kubelet-client-key-file': text('', 'key of the client certificate for kubelets'),
  'service-cidr': text('10.96.0.0/16', 'cluster IPs of Services come from here'),
  'log-level': choice(LOG_LEVELS, 'info', 'least important messages to log'),
};

const USAGE = 'apiserver: the API of the cluster, and the only one that touches its store';

type Flags = Config<typeof FLAGS>;

await runComponent('apiserver', async (signal) => {
  const flags = parseFlags(FLAGS, process.argv.slice(2), USAGE);
  const log = stdoutLog('apiserver', flags['log-level']);
  const parts = { clock: systemClock, random: systemRandom, log };
  const server = await startApiServer(configOf(flags), parts, signal);
  if (!signal.aborted) {
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  }
  log.info('Stopping');
  await server.close();
});

function configOf(flags: Flags): ApiServerConfig {
  const ca = read(flags, 'ca-file');
  const kubeletFile = flags['kubelet-client-cert-file'];
  const host = flags.listen.slice(0, flags.listen.lastIndexOf(':'));
  return {
    listen: flags.listen,
    grpcListen: flags['grpc-listen'],
    store: storeConfigOf(flags),
    tls: { ca, certificate: read(flags, 'cert-file'), key: read(flags, 'key-file') },
    serviceAccountKey: read(flags, 'sa-key-file'),
    serviceCidr: flags['service-cidr'],
    advertiseAddress: flags['advertise-address'] || host,
    ...(kubeletFile !== '' && {
      kubeletClient: {
        ca,
        cert: read(flags, 'kubelet-client-cert-file'),
        key: read(flags, 'kubelet-client-key-file'),
      },
    }),
  };
}

function storeConfigOf(flags: Flags): StoreConfig {
  switch (flags.store) {
    case 'memory':
      return { kind: 'memory' };
    case 'embedded':
      if (flags['data-dir'] === '') throw new UsageError('--data-dir is needed');
      return { kind: 'embedded', folder: flags['data-dir'] };
    case 'etcd':
      return {
        kind: 'etcd',
        endpoints: flags['etcd-endpoints'],
        ...(flags['etcd-prefix'] !== '' && { prefix: flags['etcd-prefix'] }),
        ...(flags['etcd-ca-file'] !== '' && { tls: etcdTlsOf(flags) }),
      };
  }
}

function etcdTlsOf(flags: Flags) {
  const ca = Buffer.from(read(flags, 'etcd-ca-file'));
  if (flags['etcd-cert-file'] === '') return { ca };
  const cert = Buffer.from(read(flags, 'etcd-cert-file'));
  return { ca, cert, key: Buffer.from(read(flags, 'etcd-key-file')) };
}

function read(flags: Flags, name: keyof Flags & `${string}-file`): string {
  if (flags[name] === '') throw new UsageError(`--${name} is needed`);
  try {
    return readFileSync(flags[name], 'utf8');
  } catch (error) {
    throw new UsageError(`--${name}: ${error instanceof Error ? error.message : String(error)}`);
  }
}
