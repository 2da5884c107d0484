// A real etcd for tests: on free loopback ports, in a temporary folder, gone afterwards.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
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

/** Rejects with a plain sentence when etcd is not installed. */
export async function startEtcd(): Promise<EtcdServer> {
  const folder = await mkdtemp(join(tmpdir(), 'wherry-etcd-'));
  const endpoint = `http://127.0.0.1:${await freePort()}`;
  const peer = `http://127.0.0.1:${await freePort()}`;
  const start = () => launch(folder, { endpoint, peer });
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
  { endpoint, peer }: { readonly endpoint: string; readonly peer: string },
): Promise<ChildProcess> {
  const child = spawn(
    'etcd',
    [
      `--data-dir=${join(folder, 'data')}`,
      `--listen-client-urls=${endpoint}`,
      `--advertise-client-urls=${endpoint}`,
      `--listen-peer-urls=${peer}`,
      `--initial-advertise-peer-urls=${peer}`,
      `--initial-cluster=default=${peer}`,
      '--max-request-bytes=4194304',
      '--logger=zap',
      '--log-level=error',
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
  while (!(await isHealthy(endpoint))) {
    if (failure) throw failure;
    if (child.exitCode !== null) throw new Error(`etcd ended: ${log}`);
    if (performance.now() > deadlineMs) throw new Error(`etcd did not become healthy: ${log}`);
    await delay(POLL_MS);
  }
  return child;
}

const isHealthy = (endpoint: string): Promise<boolean> =>
  fetch(`${endpoint}/health`).then(
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
