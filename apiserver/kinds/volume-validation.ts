// Faults of a pod's volumes: names, one source each, paths that stay inside.

import { isDnsLabel } from '../../machinery/names.ts';
import type { Faults } from '../../machinery/validation.ts';
import type { KeyToPath, Volume, VolumeProjection } from '../../proto/generated/core.v1.ts';
import { validateSubPath } from './container-validation.ts';

const MODE_MAX = 0o777;

/** Answers the names of the volumes. */
export function validateVolumes(
  volumes: readonly Volume[],
  path: string,
  faults: Faults,
): ReadonlySet<string> {
  const names = new Set<string>();
  for (const [index, volume] of volumes.entries()) {
    const at = `${path}[${index}]`;
    if (volume.name) {
      for (const why of isDnsLabel(volume.name)) faults.invalid(`${at}.name`, volume.name, why);
      if (names.has(volume.name)) faults.duplicate(`${at}.name`, volume.name);
      names.add(volume.name);
    }
    validateSource(volume, at, faults);
  }
  return names;
}

function validateSource(volume: Volume, at: string, faults: Faults): void {
  const sources = Object.keys(volume).filter((key) => key !== 'name');
  if (sources.length === 0) faults.required(at, 'must specify a volume type');
  for (const extra of sources.slice(1)) {
    faults.forbidden(`${at}.${extra}`, 'may not specify more than 1 volume type');
  }
  const { secret, configMap, downwardAPI, projected, hostPath } = volume;
  if (secret) {
    if (!secret.secretName) faults.required(`${at}.secret.secretName`);
    validateItems(secret.items, `${at}.secret.items`, faults);
    validateMode(secret.defaultMode, `${at}.secret.defaultMode`, faults);
  }
  if (configMap) {
    if (!configMap.name) faults.required(`${at}.configMap.name`);
    validateItems(configMap.items, `${at}.configMap.items`, faults);
    validateMode(configMap.defaultMode, `${at}.configMap.defaultMode`, faults);
  }
  if (downwardAPI) validateMode(downwardAPI.defaultMode, `${at}.downwardAPI.defaultMode`, faults);
  if (projected) {
    validateMode(projected.defaultMode, `${at}.projected.defaultMode`, faults);
    for (const [index, source] of (projected.sources ?? []).entries()) {
      validateProjection(source, `${at}.projected.sources[${index}]`, faults);
    }
  }
  if (hostPath?.path?.split('/').includes('..')) {
    faults.invalid(`${at}.hostPath.path`, hostPath.path, "must not contain '..'");
  }
}

function validateProjection(source: VolumeProjection, at: string, faults: Faults): void {
  const kinds = Object.keys(source);
  for (const extra of kinds.slice(1)) {
    faults.forbidden(`${at}.${extra}`, 'may not specify more than 1 volume type');
  }
  if (source.secret) {
    if (!source.secret.name) faults.required(`${at}.secret.name`);
    validateItems(source.secret.items, `${at}.secret.items`, faults);
  }
  if (source.configMap) {
    if (!source.configMap.name) faults.required(`${at}.configMap.name`);
    validateItems(source.configMap.items, `${at}.configMap.items`, faults);
  }
  const token = source.serviceAccountToken;
  if (token?.expirationSeconds !== undefined && token.expirationSeconds < 600) {
    const why = 'may not specify a duration less than 10 minutes';
    faults.invalid(`${at}.serviceAccountToken.expirationSeconds`, token.expirationSeconds, why);
  }
  validateSubPath(token?.path, `${at}.serviceAccountToken.path`, faults);
}

function validateItems(items: readonly KeyToPath[] = [], path: string, faults: Faults): void {
  for (const [index, item] of items.entries()) {
    validateSubPath(item.path, `${path}[${index}].path`, faults);
    validateMode(item.mode, `${path}[${index}].mode`, faults);
  }
}

function validateMode(mode: number | undefined, field: string, faults: Faults): void {
  if (mode === undefined || (mode >= 0 && mode <= MODE_MAX)) return;
  faults.invalid(field, mode, 'must be a number between 0 and 0777 (octal), both inclusive');
}
