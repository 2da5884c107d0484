// What a pod needs before its first container: sandbox, volumes, and its own files under /etc.

import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Pod } from '../../proto/generated/core.v1.ts';
import type { HostPort, Mount, Sandbox, SandboxConfig } from '../runtime/runtime.ts';
import { refOf } from './container-config.ts';
import {
  type DnsSettings,
  hasOwnHostname,
  hostnameOf,
  hostsFileOf,
  resolvConfOf,
} from './hostname.ts';
import { type PodParts, selfKnowledgeOf } from './parts.ts';
import { referencesOf } from './references.ts';

export function sandboxConfigOf(pod: Pod, attempt: number, clusterDomain: string): SandboxConfig {
  const { spec } = pod;
  return {
    pod: refOf(pod),
    attempt,
    hostname: hostnameOf(pod, clusterDomain),
    hasOwnHostname: hasOwnHostname(pod),
    isHostNetwork: spec.hostNetwork ?? false,
    isHostPid: spec.hostPID ?? false,
    isHostIpc: spec.hostIPC ?? false,
    sharesProcesses: spec.shareProcessNamespace ?? false,
    sysctls: Object.fromEntries(
      (spec.securityContext?.sysctls ?? []).map(({ name, value }) => [name, value]),
    ),
    hostPorts: spec.hostNetwork ? [] : hostPortsOf(pod),
  };
}

const hostPortsOf = ({ spec }: Pod): HostPort[] =>
  [...spec.containers, ...(spec.initContainers ?? [])].flatMap(({ ports = [] }) =>
    ports
      .filter(({ hostPort }) => hostPort !== undefined && hostPort > 0)
      .map(({ hostPort = 0, hostIP = '', containerPort, protocol = 'TCP' }) => ({
        hostPort,
        hostIp: hostIP,
        containerPort,
        protocol,
      })),
  );

/** Fetches what the pod refers to. */
export async function acquireReferences(parts: PodParts, pod: Pod): Promise<void> {
  if (parts.runtime.isSimulated) return;
  const { uid = '', namespace = '' } = pod.metadata;
  await Promise.all([
    parts.sources.acquire(uid, namespace, referencesOf(pod)),
    parts.volumes.fetchTokens(pod),
  ]);
}

/** Volumes, and the files under /etc: idempotent, cheap when nothing changed. */
export async function prepareFiles(parts: PodParts, pod: Pod, podIp: string): Promise<void> {
  if (parts.runtime.isSimulated) return;
  const { namespace = '' } = pod.metadata;
  const self = selfKnowledgeOf(parts, pod, podIp);
  const objects = parts.sources.objects(namespace);
  await Promise.all([
    parts.volumes.prepare({ ...self, objects }),
    writeEtc(etcFolderOf(parts, pod), pod, { ...parts.dns, podIp }),
  ]);
}

const etcFolderOf = (parts: Pick<PodParts, 'volumes'>, { metadata }: Pod): string =>
  join(parts.volumes.folderOf(metadata.uid ?? ''), 'etc');

async function writeEtc(
  folder: string,
  pod: Pod,
  dns: DnsSettings & { readonly podIp: string },
): Promise<void> {
  const { clusterDomain, podIp } = dns;
  await mkdir(folder, { recursive: true });
  const files: Record<string, string> = {
    hosts: hostsFileOf(pod, { ip: podIp, clusterDomain }),
    hostname: `${hostnameOf(pod, clusterDomain)}\n`,
    'resolv.conf': resolvConfOf(pod, dns),
  };
  await Promise.all(
    Object.entries(files).map(async ([name, text]) => {
      const path = join(folder, name);
      const before = await readFile(path, 'utf8').catch(() => undefined);
      if (before !== text) await writeFile(path, text, { mode: 0o644 });
    }),
  );
}

/** Mounts of the files under /etc, but for those that the container mounts itself. */
export function etcMountsOf(
  parts: Pick<PodParts, 'volumes'>,
  pod: Pod,
  own: readonly Mount[],
): readonly Mount[] {
  const folder = etcFolderOf(parts, pod);
  const names = pod.spec.hostNetwork ? ['resolv.conf'] : ['hosts', 'hostname', 'resolv.conf'];
  return names
    .map((name) => ({
      hostPath: join(folder, name),
      containerPath: `/etc/${name}`,
      isReadOnly: false,
    }))
    .filter(({ containerPath }) => !own.some((mount) => mount.containerPath === containerPath));
}

export async function makeSandbox(parts: PodParts, pod: Pod, attempt: number): Promise<Sandbox> {
  const config = sandboxConfigOf(pod, attempt, parts.dns.clusterDomain);
  return parts.starts.pass(() => parts.runtime.runSandbox(config));
}
