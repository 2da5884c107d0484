// Variables that tell a container of Services, as container links once did: NAME_SERVICE_HOST,
// NAME_SERVICE_PORT, NAME_PORT_80_TCP and so on. Source: Kubernetes' service environment variables.

import type { Service } from '../../proto/generated/core.v1.ts';

const MASTER = { namespace: 'default', name: 'kubernetes' };

export function serviceEnvOf(
  services: readonly Service[],
  { namespace, hasLinks }: { readonly namespace: string; readonly hasLinks: boolean },
): Map<string, string> {
  const env = new Map<string, string>();
  // Of the same name, the pod's own namespace wins over the API's service.
  const ordered = services
    .filter((service) => isMaster(service) || (hasLinks && isOf(service, namespace)))
    .toSorted((a, b) => Number(isOf(a, namespace)) - Number(isOf(b, namespace)));
  for (const service of ordered) addService(env, service);
  return env;
}

const isMaster = ({ metadata }: Service): boolean =>
  metadata.namespace === MASTER.namespace && metadata.name === MASTER.name;

const isOf = ({ metadata }: Service, namespace: string): boolean =>
  metadata.namespace === namespace;

function addService(env: Map<string, string>, { metadata, spec }: Service): void {
  const ip = spec.clusterIP;
  const ports = spec.ports ?? [];
  if (!ip || ip === 'None' || ports.length === 0) return;
  const prefix = envNameOf(metadata.name);
  env.set(`${prefix}_SERVICE_HOST`, ip);
  env.set(`${prefix}_SERVICE_PORT`, String(ports[0]!.port));
  for (const { name, port } of ports) {
    if (name) env.set(`${prefix}_SERVICE_PORT_${envNameOf(name)}`, String(port));
  }
  ports.forEach(({ port, protocol = 'TCP' }, index) => {
    const link = `${protocol.toLowerCase()}://${ip}:${port}`;
    const portPrefix = `${prefix}_PORT_${port}_${protocol}`;
    if (index === 0) env.set(`${prefix}_PORT`, link);
    env.set(portPrefix, link);
    env.set(`${portPrefix}_PROTO`, protocol.toLowerCase());
    env.set(`${portPrefix}_PORT`, String(port));
    env.set(`${portPrefix}_ADDR`, ip);
  });
}

const envNameOf = (name: string): string => name.toUpperCase().replaceAll(/[-.]/g, '_');
