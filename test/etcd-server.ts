// A real etcd for tests: on free loopback ports, in a temporary folder, gone afterwards.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

export interface EtcdServer {
  /** `http://127.0.0.1:port` */
  readonly endpoint: string;
  /** Kills it hard and starts it again on the same data. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

const START_TIMEOUT_MS = 20_000;
const POLL_MS = 20;

/** PEM. With it clients must show a certificate of the same authority. */
export interface EtcdTls {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

interface Addresses {
  readonly endpoint: string;
  readonly peer: string;
  /** Plain HTTP whatever the endpoint speaks: for the health check. */
  readonly metrics: string;
}

/** Rejects with a plain sentence when etcd is not installed. */
export async function startEtcd({ tls }: { readonly tls?: EtcdTls } = {}): Promise<EtcdServer> {
  const folder = await mkdtemp(join(tmpdir(), 'wherry-etcd-'));
  const endpoint = `${tls ? 'https' : 'http'}://127.0.0.1:${await freePort()}`;
  const peer = `http://127.0.0.1:${await freePort()}`;
  const metrics = `http://127.0.0.1:${await freePort()}`;
  const tlsFlags = tls === undefined ? [] : await writeTls(folder, tls);
  const start = () => launch(folder, { endpoint, peer, metrics }, tlsFlags);
  let child = await start();
  return {
    endpoint,
    async restart() {
      await kill(child);
      child = await start();
    },
    async stop() {
      await kill(child);
      await rm(folder, { recursive: true });
    },
  };
}

async function launch(
  folder: string,
  { endpoint, peer, metrics }: Addresses,
  tlsFlags: readonly string[],
): Promise<ChildProcess> {
  const child = spawn(
    'etcd',
    [
      `--data-dir=${join(folder, 'data')}`,
      `--listen-client-urls=${endpoint}`,
      `--advertise-client-urls=${endpoint}`,
      `--listen-metrics-urls=${metrics}`,
      `--listen-peer-urls=${peer}`,
      `--initial-advertise-peer-urls=${peer}`,
      `--initial-cluster=default=${peer}`,
      '--max-request-bytes=4194304',
      '--logger=zap',
      '--log-level=error',
      ...tlsFlags,
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let log = '';
  child.stderr?.on('data', (chunk) => {
    log = (log + chunk).slice(-4000);
  });
  let failure: Error | undefined;
  child.on('error', (error) => {
    failure = new Error(`etcd cannot be started (Debian: apt-get install etcd-server): ${error}`);
  });
  const deadlineMs = performance.now() + START_TIMEOUT_MS;
  while (!(await isHealthy(metrics))) {
    if (failure) throw failure;
    if (child.exitCode !== null) throw new Error(`etcd ended: ${log}`);
    if (performance.now() > deadlineMs) throw new Error(`etcd did not become healthy: ${log}`);
    await delay(POLL_MS);
  }
  return child;
}

async function writeTls(folder: string, { ca, cert, key }: EtcdTls): Promise<readonly string[]> {
  const write = async (name: string, text: string): Promise<string> => {
    await writeFile(join(folder, name), text, { mode: 0o600 });
    return join(folder, name);
  };
  return [
    '--client-cert-auth',
    `--trusted-ca-file=${await write('ca.pem', ca)}`,
    `--cert-file=${await write('server.pem', cert)}`,
    `--key-file=${await write('server-key.pem', key)}`,
  ];
}

const isHealthy = (metrics: string): Promise<boolean> =>
  fetch(`${metrics}/health`).then(
    async (response) => (await response.text()).includes('"true"'),
    () => false,
  );

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
