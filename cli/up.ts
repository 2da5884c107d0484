// `wherry up`: from nothing to Ready nodes, and again from wherever it was left.
//
//   choose → certificates → docker → processes → /readyz → nodes Ready → what to do next

import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { kubeconfigText } from '../client/kubeconfig.ts';
import { createRestTransport } from '../client/rest-transport.ts';
import { deepEqual } from '../machinery/equality.ts';
import type { Transport } from '../machinery/transport.ts';
import type { Node } from '../proto/generated/core.v1.ts';
import { NODES, SERVICE_ACCOUNTS } from '../proto/generated/resources.ts';
import { Claims } from './cluster/claims.ts';
import { allSpecs, type Site } from './cluster/components.ts';
import {
  addressesOf,
  type ClusterConfig,
  type Layout,
  layoutOf,
  NODES_MAX,
  readCluster,
  writeCluster,
  writeWhole,
} from './cluster/config.ts';
import { ensureDocker, findBinary } from './cluster/docker.ts';
import { ensurePki, pkiFiles } from './cluster/pki.ts';
import { Processes } from './cluster/processes.ts';
import type { World } from './world.ts';

const READY_MS_MAX = 60_000;
const STOP_MS = 5_000;
const POLL_MS = 15;

/** What the user asked for; absent means: as it was, or the default. */
export interface UpOptions {
  readonly name: string;
  readonly dir: string;
  readonly nodes: number | undefined;
  readonly store: ClusterConfig['store'] | undefined;
  readonly etcdEndpoints: readonly string[] | undefined;
  readonly runtime: ClusterConfig['runtime'] | undefined;
}

export async function up(options: UpOptions, world: World, signal: AbortSignal): Promise<void> {
  const { progress, clock } = world;
  const layout = layoutOf(options.dir);
  const cluster = await chooseCluster(options, world);
  const processes = new Processes(layout, clock);

  if (cluster.runtime === 'docker') {
    await progress.step('Docker engine', () => ensureDocker(world));
  }
  await progress.step('certificates', async () => {
    mkdirSync(layout.pki, { recursive: true, mode: 0o700 });
    await ensurePki(layout.pki, cluster, world);
    writeWhole(layout.kubeconfig, kubeconfigOf(cluster, layout), 0o600);
  });

  const waiting = { cluster, layout, processes, world, signal };
  const started: string[] = [];
  try {
    await progress.step('control plane', async (note) => {
      await startAll(siteOf(cluster, layout, world), processes, started);
      note(started.length > 0 ? started.join(', ') : 'already running');
      await waitReady(waiting);
    });
    await progress.step(`${cluster.nodes} node${cluster.nodes === 1 ? '' : 's'}`, (note) =>
      waitNodes(waiting, note),
    );
  } catch (error) {
    // After a failure the parts stay, to be looked at; Ctrl-C takes back what this run began.
    if (signal.aborted) await Promise.all(started.map((name) => processes.stop(name, STOP_MS)));
    throw error;
  }
  progress.say(nextSteps(cluster, layout));
}

/** The cluster as it was, or a new one; a change that its data cannot follow is refused. */
async function chooseCluster(options: UpOptions, world: World): Promise<ClusterConfig> {
  const { name, dir, nodes, store, etcdEndpoints, runtime } = options;
  const before = readCluster(dir);
  const wanted = nodes ?? before?.nodes ?? 2;
  if (wanted < 1 || wanted > NODES_MAX) throw new Error(`--nodes wants 1 to ${NODES_MAX}`);
  if (before === undefined) {
    const config: ClusterConfig = {
      format: 1,
      name,
      nodes: wanted,
      store: store ?? 'embedded',
      etcdEndpoints: etcdEndpoints ?? [],
      runtime: runtime ?? 'docker',
      index: await new Claims(world.machineDir).take(dir),
    };
    writeCluster(dir, config);
    return config;
  }
  const changed = [
    wanted < before.nodes && `--nodes ${wanted} (it has ${before.nodes}, and nodes are only added)`,
    before.name !== name && `--name ${name} (it is ${before.name})`,
    store !== undefined && store !== before.store && `--store ${store} (it is ${before.store})`,
    runtime !== undefined &&
      runtime !== before.runtime &&
      `--runtime ${runtime} (it is ${before.runtime})`,
  ].filter(Boolean);
  if (changed.length > 0) {
    throw new Error(
      `the cluster in ${dir} cannot become ${changed.join(', ')}; ` +
        'delete it first (wherry down --delete) or choose another --dir',
    );
  }
  const config = { ...before, nodes: wanted, etcdEndpoints: etcdEndpoints ?? before.etcdEndpoints };
  writeCluster(dir, config);
  return config;
}

export function siteOf(cluster: ClusterConfig, layout: Layout, world: World): Site {
  const ownEtcd = cluster.store === 'etcd' && cluster.etcdEndpoints.length === 0;
  const etcdBinary = findBinary('etcd', world.path);
  if (ownEtcd && etcdBinary === undefined) {
    throw new Error(
      'etcd is not installed: `apt-get install etcd-server`, or name a running one with ' +
        '--etcd-endpoints, or use --store embedded',
    );
  }
  return {
    cluster,
    layout,
    dist: world.dist,
    node: world.node,
    dockerSocket: world.socket,
    etcdBinary: etcdBinary ?? 'etcd',
  };
}

/** A process that runs with other flags than are wanted now starts anew. */
async function startAll(site: Site, processes: Processes, started: string[]): Promise<void> {
  for (const spec of allSpecs(site)) {
    const running = processes.find(spec.name);
    if (running !== undefined && !deepEqual(running.args, spec.args)) {
      await processes.stop(spec.name, STOP_MS);
    }
    if (processes.start(spec)) started.push(spec.name);
  }
}

interface Waiting {
  readonly cluster: ClusterConfig;
  readonly layout: Layout;
  readonly processes: Processes;
  readonly world: World;
  readonly signal: AbortSignal;
}

async function waitReady({ cluster, layout, processes, world, signal }: Waiting): Promise<void> {
  const { https } = addressesOf(cluster.index);
  const ca = readFileSync(pkiFiles(layout.pki).ca());
  const endMs = world.clock.now() + READY_MS_MAX;
  while (!(await isReady(https, ca))) {
    requireAlive(processes, layout);
    if (world.clock.now() > endMs) {
      throw new Error(`the apiserver is not ready; see ${join(layout.logs, 'apiserver.log')}`);
    }
    await world.clock.sleep(POLL_MS, signal);
  }
}

const isReady = (port: number, ca: Buffer): Promise<boolean> =>
  new Promise((resolve) => {
    const call = request(
      { host: '127.0.0.1', port, path: '/readyz', ca, timeout: 2_000 },
      (res) => {
        res.resume();
        resolve(res.statusCode === 200);
      },
    );
    call.on('timeout', () => call.destroy());
    call.on('error', () => resolve(false));
    call.end();
  });

/** A process that died at once is told with the end of its log, not waited for. */
function requireAlive(processes: Processes, layout: Layout): void {
  const dead = processes.list().find(({ running }) => running === undefined);
  if (dead === undefined) return;
  const path = join(layout.logs, `${dead.name}.log`);
  const tail = existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n').slice(-5) : [];
  throw new Error(`${dead.name} stopped; the end of ${path}:\n  ${tail.join('\n  ')}`);
}

async function waitNodes(waiting: Waiting, note: (detail: string) => void): Promise<void> {
  const { cluster, layout, processes, world, signal } = waiting;
  const transport = adminTransport(cluster, layout);
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(READY_MS_MAX)]);
  const ready = new Set<string>();
  const watchdog = new AbortController();
  const checks = (async () => {
    while (!watchdog.signal.aborted) {
      requireAlive(processes, layout);
      await world.clock.sleep(200, watchdog.signal).catch(() => {});
    }
  })();
  const all = { sendInitialEvents: true, allowBookmarks: true };
  // Without its account no pod can be made in a namespace: up means that `kubectl run` works.
  const account = (async () => {
    const query = { ...all, namespace: 'default', fieldSelector: 'metadata.name=default' };
    for await (const event of transport.watch(SERVICE_ACCOUNTS, query, deadline)) {
      if (event.type === 'ADDED') return;
    }
  })();
  const nodes = (async () => {
    for await (const event of transport.watch(NODES, all, deadline)) {
      if (event.type === 'BOOKMARK') continue;
      if (event.type !== 'DELETED' && isNodeReady(event.object)) {
        ready.add(event.object.metadata.name);
      }
      note(`${ready.size} of ${cluster.nodes} Ready`);
      if (ready.size >= cluster.nodes) return;
    }
  })();
  try {
    await Promise.race([Promise.all([nodes, account]), checks]);
  } catch (error) {
    if (!deadline.aborted || signal.aborted) throw error;
    const missing = `${ready.size} of ${cluster.nodes} nodes are Ready`;
    throw new Error(`${missing} after ${READY_MS_MAX / 1000} s; see ${layout.logs}/kubelet*.log`);
  } finally {
    watchdog.abort();
    transport.close();
  }
}

const isNodeReady = ({ status }: Node): boolean =>
  status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;

export const adminTransport = (cluster: ClusterConfig, layout: Layout): Transport =>
  createRestTransport(adminConnection(cluster, layout));

function adminConnection({ index }: ClusterConfig, layout: Layout) {
  const pki = pkiFiles(layout.pki);
  return {
    server: `https://127.0.0.1:${addressesOf(index).https}`,
    ca: readFileSync(pki.ca(), 'utf8'),
    certificate: readFileSync(pki.certificate('admin'), 'utf8'),
    key: readFileSync(pki.key('admin'), 'utf8'),
  };
}

function kubeconfigOf(cluster: ClusterConfig, layout: Layout): string {
  return kubeconfigText({ name: cluster.name, ...adminConnection(cluster, layout) });
}

const nextSteps = ({ name }: ClusterConfig, layout: Layout): string => `
Cluster "${name}" is up. Now:

  export KUBECONFIG=${layout.kubeconfig}
  kubectl get nodes
  kubectl apply -f examples/shop/
  kubectl rollout status deployment/web
`;
