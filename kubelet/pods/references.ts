// Which ConfigMaps and Secrets a pod refers to: what the kubelet must watch on its behalf.

import type { Container, Pod, Volume } from '../../proto/generated/core.v1.ts';

export interface References {
  readonly configMaps: ReadonlySet<string>;
  readonly secrets: ReadonlySet<string>;
}

export function referencesOf({ spec }: Pod): References {
  const configMaps = new Set<string | undefined>();
  const secrets = new Set<string | undefined>();
  for (const container of [...spec.containers, ...(spec.initContainers ?? [])]) {
    addContainer(container, configMaps, secrets);
  }
  for (const volume of spec.volumes ?? []) addVolume(volume, configMaps, secrets);
  return { configMaps: named(configMaps), secrets: named(secrets) };
}

type Names = Set<string | undefined>;

const named = (names: Names): Set<string> =>
  new Set([...names].filter((name) => name !== undefined && name !== '') as string[]);

function addContainer({ env = [], envFrom = [] }: Container, maps: Names, secrets: Names): void {
  for (const { configMapRef, secretRef } of envFrom) {
    maps.add(configMapRef?.name);
    secrets.add(secretRef?.name);
  }
  for (const { valueFrom } of env) {
    maps.add(valueFrom?.configMapKeyRef?.name);
    secrets.add(valueFrom?.secretKeyRef?.name);
  }
}

function addVolume({ configMap, secret, projected }: Volume, maps: Names, secrets: Names): void {
  maps.add(configMap?.name);
  secrets.add(secret?.secretName);
  for (const source of projected?.sources ?? []) {
    maps.add(source.configMap?.name);
    secrets.add(source.secret?.name);
  }
}
