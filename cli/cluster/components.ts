// Which processes make up a cluster, and with which flags. Pure: names and paths in, words out.

import { join } from 'node:path';
import { addressesOf, type ClusterConfig, type Layout, nodeNameOf } from './config.ts';
import { type PkiFiles, pkiFiles } from './pki.ts';
import type { ProcessSpec } from './processes.ts';

export interface Site {
  readonly cluster: ClusterConfig;
  readonly layout: Layout;
  /** Folder of the compiled components. */
  readonly dist: string;
  /** The Node binary that runs them. */
  readonly node: string;
  readonly dockerSocket: string;
  readonly etcdBinary: string;
}

/**
 * The heaps are small and the machine may be, too: a young generation of a few megabytes keeps the
 * resident size of six processes down at no cost that the benchmarks show.
 */
const YOUNG_MEGABYTES = 4;
/** Under load a sixth of its time went into collecting garbage that had no time to die young. */
const YOUNG_MEGABYTES_OF: Readonly<Record<string, number>> = { apiserver: 16 };

export function etcdSpec({ cluster, layout, etcdBinary }: Site): ProcessSpec {
  const { etcdClient, etcdPeer } = addressesOf(cluster.index);
  const pki = pkiFiles(layout.pki);
  const client = `https://127.0.0.1:${etcdClient}`;
  const peer = `https://127.0.0.1:${etcdPeer}`;
  return {
    name: 'etcd',
    command: etcdBinary,
    args: [
      `--name=${cluster.name}`,
      `--data-dir=${layout.etcd}`,
      `--listen-client-urls=${client}`,
      `--advertise-client-urls=${client}`,
      `--listen-peer-urls=${peer}`,
      `--initial-advertise-peer-urls=${peer}`,
      `--initial-cluster=${cluster.name}=${peer}`,
      `--cert-file=${pki.certificate('etcd')}`,
      `--key-file=${pki.key('etcd')}`,
      '--client-cert-auth',
      `--trusted-ca-file=${pki.ca('etcd-ca')}`,
      `--peer-cert-file=${pki.certificate('etcd')}`,
      `--peer-key-file=${pki.key('etcd')}`,
      '--peer-client-cert-auth',
      `--peer-trusted-ca-file=${pki.ca('etcd-ca')}`,
      '--log-level=warn',
    ],
  };
}

export function apiserverSpec(site: Site): ProcessSpec {
  const { cluster, layout } = site;
  const addresses = addressesOf(cluster.index);
  const pki = pkiFiles(layout.pki);
  return component(site, 'apiserver', [
    `--listen=0.0.0.0:${addresses.https}`,
    `--grpc-listen=127.0.0.1:${addresses.grpc}`,
    `--advertise-address=${addresses.nodeAddress(1)}`,
    `--service-cidr=${addresses.serviceCidr}`,
    ...storeFlags(cluster, layout, pki),
    `--ca-file=${pki.ca()}`,
    `--cert-file=${pki.certificate('apiserver')}`,
    `--key-file=${pki.key('apiserver')}`,
    `--sa-key-file=${pki.saKey}`,
    `--kubelet-client-cert-file=${pki.certificate('apiserver-kubelet-client')}`,
    `--kubelet-client-key-file=${pki.key('apiserver-kubelet-client')}`,
  ]);
}

function storeFlags(cluster: ClusterConfig, layout: Layout, pki: PkiFiles): string[] {
  if (cluster.store === 'embedded') return ['--store=embedded', `--data-dir=${layout.data}`];
  const prefix = `--etcd-prefix=/wherry/${cluster.name}`;
  if (cluster.etcdEndpoints.length > 0) {
    return ['--store=etcd', `--etcd-endpoints=${cluster.etcdEndpoints.join(',')}`, prefix];
  }
  return [
    '--store=etcd',
    `--etcd-endpoints=https://127.0.0.1:${addressesOf(cluster.index).etcdClient}`,
    prefix,
    `--etcd-ca-file=${pki.ca('etcd-ca')}`,
    `--etcd-cert-file=${pki.certificate('etcd-client')}`,
    `--etcd-key-file=${pki.key('etcd-client')}`,
  ];
}

export const schedulerSpec = (site: Site): ProcessSpec =>
  component(site, 'scheduler', [
    ...clientFlags(site, 'scheduler'),
    `--listen=127.0.0.1:${addressesOf(site.cluster.index).scheduler}`,
  ]);

export const controllerManagerSpec = (site: Site): ProcessSpec =>
  component(site, 'controller-manager', [
    ...clientFlags(site, 'controller-manager'),
    `--root-ca-file=${pkiFiles(site.layout.pki).ca()}`,
    `--listen=127.0.0.1:${addressesOf(site.cluster.index).controllerManager}`,
  ]);

export function proxySpec(site: Site): ProcessSpec {
  const { proxy, podCidr, serviceCidr } = addressesOf(site.cluster.index);
  return component(site, 'proxy', [
    ...clientFlags(site, 'proxy'),
    `--listen=127.0.0.1:${proxy}`,
    `--cluster-cidr=${podCidr}`,
    `--service-cidr=${serviceCidr}`,
    `--chain-prefix=${chainPrefixOf(site.cluster)}`,
  ]);
}

/** Chains of several clusters stand side by side: each starts with a letter and its index. */
export const chainPrefixOf = ({ index }: ClusterConfig): string =>
  `W${index.toString(16).padStart(2, '0')}`;

export function kubeletSpec(site: Site, node: number): ProcessSpec {
  const { cluster, layout, dockerSocket } = site;
  const addresses = addressesOf(cluster.index);
  const name = nodeNameOf(cluster, node);
  const pki = pkiFiles(layout.pki);
  const hollow = cluster.runtime === 'hollow';
  return {
    ...component(site, 'kubelet', [
      ...clientFlags(site, `kubelet-${name}`),
      `--serving-cert-file=${pki.certificate(`kubelet-${name}-serving`)}`,
      `--serving-key-file=${pki.key(`kubelet-${name}-serving`)}`,
      `--cluster-name=${cluster.name}`,
      `--root-dir=${layout.node(name)}`,
      `--listen=127.0.0.1:${addresses.kubeletHealth(node)}`,
      `--runtime=${cluster.runtime}`,
      ...(hollow
        ? [`--nodes=${cluster.nodes}`, `--node-name-prefix=${cluster.name}-node-`]
        : [
            `--node-name=${name}`,
            `--pod-cidr=${addresses.nodePodCidr(node)}`,
            `--docker-socket=${dockerSocket}`,
          ]),
    ]),
    name: hollow ? 'kubelet' : `kubelet-${name}`,
  };
}

/** In starting order; they are stopped the other way round. */
export function allSpecs(site: Site): readonly ProcessSpec[] {
  const { cluster } = site;
  const kubelets = cluster.runtime === 'hollow' ? 1 : cluster.nodes;
  return [
    ...(cluster.store === 'etcd' && cluster.etcdEndpoints.length === 0 ? [etcdSpec(site)] : []),
    apiserverSpec(site),
    ...Array.from({ length: kubelets }, (_, index) => kubeletSpec(site, index + 1)),
    schedulerSpec(site),
    controllerManagerSpec(site),
    ...(cluster.runtime === 'docker' ? [proxySpec(site)] : []),
  ];
}

const component = ({ node, dist }: Site, name: string, flags: readonly string[]): ProcessSpec => ({
  name,
  command: node,
  args: [
    `--max-semi-space-size=${YOUNG_MEGABYTES_OF[name] ?? YOUNG_MEGABYTES}`,
    join(dist, name, 'main.js'),
    ...flags,
  ],
});

function clientFlags({ cluster, layout }: Site, user: string): string[] {
  const pki = pkiFiles(layout.pki);
  return [
    `--server=127.0.0.1:${addressesOf(cluster.index).grpc}`,
    `--ca-file=${pki.ca()}`,
    `--cert-file=${pki.certificate(user)}`,
    `--key-file=${pki.key(user)}`,
  ];
}
