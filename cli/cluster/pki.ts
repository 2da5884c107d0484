// The cluster's certificates: one authority, a certificate for each component, the admin's
// kubeconfig. Made at the first `up`, renewed by a later one when they are about to run out.
//
//   pki/ca.crt,key   pki/<name>.crt,key   pki/sa.key   pki/etcd-ca.crt,key

import { X509Certificate } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import {
  type Ca,
  type CaParts,
  type CertificateRequest,
  loadCa,
  makeCa,
  makeSigningKey,
} from '../../machinery/certificates.ts';
import { addressesOf, type ClusterConfig, nodeNameOf, writeWhole } from './config.ts';

const RENEW_BEFORE_MS = 90 * 24 * 3_600_000;
const SECRET = 0o600;

export interface PkiFiles {
  ca(authority?: 'ca' | 'etcd-ca'): string;
  certificate(name: string): string;
  key(name: string): string;
  readonly saKey: string;
}

export const pkiFiles = (dir: string): PkiFiles => ({
  ca: (authority = 'ca') => join(dir, `${authority}.crt`),
  certificate: (name) => join(dir, `${name}.crt`),
  key: (name) => join(dir, `${name}.key`),
  saKey: join(dir, 'sa.key'),
});

/** Makes what is missing or running out. */
export async function ensurePki(
  dir: string,
  cluster: ClusterConfig,
  parts: CaParts,
): Promise<void> {
  const ca = await ensureCa(dir, 'ca', `${cluster.name}-ca`, parts);
  for (const [name, request] of Object.entries(requestsOf(cluster))) {
    await ensureLeaf(dir, name, request, { ca, parts });
  }
  if (!existsSync(pkiFiles(dir).saKey)) {
    writeWhole(pkiFiles(dir).saKey, (await makeSigningKey()).key, SECRET);
  }
  if (cluster.store === 'etcd' && cluster.etcdEndpoints.length === 0) {
    const etcdCa = await ensureCa(dir, 'etcd-ca', `${cluster.name}-etcd-ca`, parts);
    const hosts = ['127.0.0.1', 'localhost'];
    const both = { usages: ['server', 'client'] as const, hosts };
    await ensureLeaf(dir, 'etcd', { commonName: 'etcd', ...both }, { ca: etcdCa, parts });
    await ensureLeaf(
      dir,
      'etcd-client',
      { commonName: 'apiserver', usages: ['client'] },
      { ca: etcdCa, parts },
    );
  }
}

/** Who is who: names and groups as upstream's authorizers know them. */
function requestsOf(cluster: ClusterConfig): Record<string, CertificateRequest> {
  const { apiServiceIp, nodeAddress } = addressesOf(cluster.index);
  const client = (commonName: string, ...organizations: string[]): CertificateRequest => ({
    commonName,
    organizations,
    usages: ['client'],
  });
  const requests: Record<string, CertificateRequest> = {
    apiserver: {
      commonName: 'kube-apiserver',
      usages: ['server'],
      hosts: [
        'localhost',
        hostname(),
        'kubernetes',
        'kubernetes.default',
        'kubernetes.default.svc',
        'kubernetes.default.svc.cluster.local',
        '127.0.0.1',
        apiServiceIp,
        nodeAddress(1),
      ],
    },
    'apiserver-kubelet-client': client('kube-apiserver-kubelet-client', 'system:masters'),
    admin: client('kubernetes-admin', 'system:masters'),
    scheduler: client('system:kube-scheduler'),
    'controller-manager': client('system:kube-controller-manager'),
    proxy: client('system:kube-proxy'),
  };
  const isHollow = cluster.runtime === 'hollow';
  const nodes = isHollow ? 1 : cluster.nodes;
  // A real node may write its own Node only; one hollow kubelet speaks for all of its nodes.
  const group = isHollow ? 'wherry:hollow-nodes' : 'system:nodes';
  for (let node = 1; node <= nodes; node++) {
    const name = nodeNameOf(cluster, node);
    requests[`kubelet-${name}`] = client(`system:node:${name}`, group);
    requests[`kubelet-${name}-serving`] = {
      commonName: `system:node:${name}`,
      organizations: ['system:nodes'],
      usages: ['server'],
      hosts: [name, 'localhost', '127.0.0.1', nodeAddress(node)],
    };
  }
  return requests;
}

async function ensureCa(
  dir: string,
  name: string,
  commonName: string,
  parts: CaParts,
): Promise<Ca> {
  const certificate = join(dir, `${name}.crt`);
  const key = join(dir, `${name}.key`);
  if (existsSync(certificate) && existsSync(key)) {
    const pair = { certificate: readFileSync(certificate, 'utf8'), key: readFileSync(key, 'utf8') };
    return loadCa(pair, parts);
  }
  const ca = await makeCa(commonName, parts);
  writeWhole(key, ca.key, SECRET);
  writeWhole(certificate, ca.certificate);
  return ca;
}

interface Issuer {
  readonly ca: Ca;
  readonly parts: CaParts;
}

async function ensureLeaf(
  dir: string,
  name: string,
  request: CertificateRequest,
  { ca, parts }: Issuer,
): Promise<void> {
  const path = join(dir, `${name}.crt`);
  if (existsSync(path)) {
    const { validTo } = new X509Certificate(readFileSync(path));
    if (Date.parse(validTo) - parts.clock.now() > RENEW_BEFORE_MS) return;
  }
  const { certificate, key } = await ca.issue(request);
  writeWhole(join(dir, `${name}.key`), key, SECRET);
  writeWhole(path, certificate);
}
