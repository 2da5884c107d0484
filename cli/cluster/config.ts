// What a cluster is, as `wherry up` writes it down: enough to start it again just as it was.

import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

export const STORES = ['embedded', 'etcd'] as const;
export const RUNTIMES = ['docker', 'hollow'] as const;

export interface ClusterConfig {
  readonly format: 1;
  readonly name: string;
  readonly nodes: number;
  readonly store: (typeof STORES)[number];
  /** Endpoints of an etcd that somebody else runs; empty: `up` runs one. */
  readonly etcdEndpoints: readonly string[];
  readonly runtime: (typeof RUNTIMES)[number];
  /** Place among the clusters of this machine; ports and addresses follow from it. */
  readonly index: number;
}

/** Every address of a cluster is a function of its index, so that clusters never collide. */
export interface Addresses {
  readonly https: number;
  readonly grpc: number;
  readonly etcdClient: number;
  readonly etcdPeer: number;
  readonly scheduler: number;
  readonly controllerManager: number;
  readonly proxy: number;
  readonly podCidr: string;
  readonly serviceCidr: string;
  /** First address of the service range: the `kubernetes` Service. */
  readonly apiServiceIp: string;
  kubeletHealth(node: number): number;
  nodePodCidr(node: number): string;
  /** The node's own address: the gateway of its bridge. */
  nodeAddress(node: number): string;
}

/** Beyond this the second bytes of 10.x.0.0/16 for pods and services would meet. */
export const CLUSTERS_MAX = 64;
/** One /24 a node out of the cluster's /16. */
export const NODES_MAX = 250;
const PORTS_PER_CLUSTER = 300;

export function addressesOf(index: number): Addresses {
  const shift = index * PORTS_PER_CLUSTER;
  const pods = 244 - index;
  const services = 96 + index;
  return {
    https: 6443 + shift,
    grpc: 6444 + shift,
    etcdClient: 2379 + shift,
    etcdPeer: 2380 + shift,
    scheduler: 10259 + shift,
    controllerManager: 10257 + shift,
    proxy: 10256 + shift,
    podCidr: `10.${pods}.0.0/16`,
    serviceCidr: `10.${services}.0.0/16`,
    apiServiceIp: `10.${services}.0.1`,
    kubeletHealth: (node) => 10260 + shift + node,
    nodePodCidr: (node) => `10.${pods}.${node}.0/24`,
    nodeAddress: (node) => `10.${pods}.${node}.1`,
  };
}

export const nodeNameOf = (cluster: ClusterConfig, node: number): string =>
  `${cluster.name}-node-${node}`;

/** Paths below a cluster's folder. */
export const layoutOf = (dir: string) => ({
  config: join(dir, 'cluster.json'),
  kubeconfig: join(dir, 'kubeconfig'),
  pki: join(dir, 'pki'),
  data: join(dir, 'data'),
  etcd: join(dir, 'etcd'),
  run: join(dir, 'run'),
  logs: join(dir, 'logs'),
  node: (name: string) => join(dir, 'nodes', name),
});

export type Layout = ReturnType<typeof layoutOf>;

export function readCluster(dir: string): ClusterConfig | undefined {
  const path = layoutOf(dir).config;
  if (!existsSync(path)) return undefined;
  const config: ClusterConfig = JSON.parse(readFileSync(path, 'utf8'));
  if (config.format !== 1) {
    throw new Error(`${path} was written by a newer wherry (format ${config.format})`);
  }
  return config;
}

export const writeCluster = (dir: string, config: ClusterConfig): void =>
  writeWhole(layoutOf(dir).config, `${JSON.stringify(config, null, 2)}\n`);

/** Either the old content stands or the new: never a half. */
export function writeWhole(path: string, content: string, mode = 0o644): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(`${path}.new`, content, { mode });
  renameSync(`${path}.new`, path);
}
