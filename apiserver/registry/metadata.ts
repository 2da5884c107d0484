// metadata is the same for every kind: what the server sets on create, what an update may not
// touch, and what is a fault. The rules are those of Kubernetes' object metadata.

import { timestampOf } from '../../machinery/clock.ts';
import { deepEqual } from '../../machinery/equality.ts';
import {
  isDnsLabel,
  isDnsSubdomain,
  isLabelValue,
  isQualifiedName,
} from '../../machinery/names.ts';
import { type Random, suffix } from '../../machinery/random.ts';
import type { Faults } from '../../machinery/validation.ts';
import type { ObjectMeta, OwnerReference } from '../../proto/generated/meta.v1.ts';
import type { Kind } from './kind.ts';

/** Keys and values of all annotations together. */
export const ANNOTATIONS_BYTES_MAX = 256 * 1024;
/** A generated name is cut to this much before its five random letters. */
const GENERATE_NAME_LENGTH_MAX = 58;

export const ORPHAN_FINALIZER = 'orphan';
export const FOREGROUND_FINALIZER = 'foregroundDeletion';
const STANDARD_FINALIZERS: ReadonlySet<string> = new Set([
  ORPHAN_FINALIZER,
  FOREGROUND_FINALIZER,
  'kubernetes',
]);

export const generatedName = (base: string, random: Random): string =>
  base.slice(0, GENERATE_NAME_LENGTH_MAX) + suffix(random);

/** Sets what only the server may say of a new object. */
export function prepareNewMetadata(
  metadata: ObjectMeta,
  { hasGeneration }: Kind,
  world: { readonly nowMs: number; readonly random: Random },
): void {
  metadata.uid = world.random.uuid();
  metadata.creationTimestamp = timestampOf(world.nowMs);
  delete metadata.resourceVersion;
  delete metadata.deletionTimestamp;
  delete metadata.deletionGracePeriodSeconds;
  delete metadata.selfLink;
  if (hasGeneration) metadata.generation = 1;
  else delete metadata.generation;
}

/** Carries over what an update may leave out, before `validateMetadataUpdate` compares. */
export function prepareMetadataUpdate(metadata: ObjectMeta, previous: ObjectMeta): void {
  metadata.uid ??= previous.uid!;
  metadata.creationTimestamp ??= previous.creationTimestamp!;
  delete metadata.selfLink;
  keepOrDelete(metadata, previous, 'generation');
  // A deletion, once asked for, is never taken back by an update.
  keepOrDelete(metadata, previous, 'deletionTimestamp');
  if (previous.deletionTimestamp !== undefined) {
    metadata.deletionGracePeriodSeconds ??= previous.deletionGracePeriodSeconds!;
  }
  if (metadata.deletionGracePeriodSeconds === undefined) {
    delete metadata.deletionGracePeriodSeconds;
  }
}

function keepOrDelete(
  metadata: ObjectMeta,
  previous: ObjectMeta,
  field: 'generation' | 'deletionTimestamp',
): void {
  if (previous[field] === undefined) delete metadata[field];
  else Object.assign(metadata, { [field]: previous[field] });
}

export function validateMetadata(metadata: ObjectMeta, kind: Kind, faults: Faults): void {
  const checkName = kind.validName ?? isDnsSubdomain;
  if (metadata.generateName) {
    // Letters are still to come, so the base may end in what a name may not end in.
    for (const why of checkName(metadata.generateName.replace(/-+$/, 'x'))) {
      faults.invalid('metadata.generateName', metadata.generateName, why);
    }
  }
  if (!metadata.name) faults.required('metadata.name', 'name or generateName is required');
  else
    for (const why of checkName(metadata.name)) faults.invalid('metadata.name', metadata.name, why);
  if (kind.resource.namespaced) validateNamespace(metadata.namespace, faults);
  validateLabels(metadata.labels, 'metadata.labels', faults);
  validateAnnotations(metadata.annotations, 'metadata.annotations', faults);
  if (metadata.ownerReferences) validateOwners(metadata.ownerReferences, faults);
  if (metadata.finalizers) validateFinalizers(metadata.finalizers, faults);
}

export function validateMetadataUpdate(
  metadata: ObjectMeta,
  previous: ObjectMeta,
  faults: Faults,
): void {
  const immutable = [
    'name',
    'namespace',
    'uid',
    'creationTimestamp',
    'deletionTimestamp',
    'deletionGracePeriodSeconds',
  ] as const;
  for (const field of immutable) {
    if (metadata[field] !== previous[field]) {
      faults.invalid(`metadata.${field}`, metadata[field], 'field is immutable');
    }
  }
  if (previous.deletionTimestamp === undefined) return;
  const added = (metadata.finalizers ?? []).filter((one) => !previous.finalizers?.includes(one));
  if (added.length > 0) {
    const list = added.map((one) => `"${one}"`).join(', ');
    faults.forbidden(
      'metadata.finalizers',
      `no new finalizers can be added if the object is being deleted, found new finalizers []string{${list}}`,
    );
  }
}

function validateNamespace(namespace: string | undefined, faults: Faults): void {
  if (!namespace) faults.required('metadata.namespace');
  else
    for (const why of isDnsLabel(namespace)) faults.invalid('metadata.namespace', namespace, why);
}

export function validateLabels(
  labels: Readonly<Record<string, string>> | undefined,
  field: string,
  faults: Faults,
): void {
  for (const key in labels) {
    for (const why of isQualifiedName(key)) faults.invalid(field, key, why);
    for (const why of isLabelValue(labels[key]!)) faults.invalid(field, labels[key], why);
  }
}

export function validateAnnotations(
  annotations: Readonly<Record<string, string>> | undefined,
  field: string,
  faults: Faults,
): void {
  let bytes = 0;
  for (const key in annotations) {
    for (const why of isQualifiedName(key.toLowerCase())) faults.invalid(field, key, why);
    bytes += Buffer.byteLength(key) + Buffer.byteLength(annotations[key]!);
  }
  if (bytes > ANNOTATIONS_BYTES_MAX) faults.tooLong(field, ANNOTATIONS_BYTES_MAX);
}

function validateOwners(owners: readonly OwnerReference[], faults: Faults): void {
  for (const [index, owner] of owners.entries()) {
    for (const field of ['apiVersion', 'kind', 'name', 'uid'] as const) {
      if (owner[field]) continue;
      faults.invalid(`metadata.ownerReferences[${index}].${field}`, '', 'must not be empty');
    }
  }
  const controllers = owners.filter(({ controller }) => controller === true);
  if (controllers.length > 1) {
    const names = controllers.map(({ name }) => name).join(' and ');
    const why = `Only one reference can have Controller set to true. Found "true" in references for ${names}`;
    faults.invalid('metadata.ownerReferences', owners, why);
  }
}

function validateFinalizers(finalizers: readonly string[], faults: Faults): void {
  const field = 'metadata.finalizers';
  for (const finalizer of finalizers) {
    for (const why of isQualifiedName(finalizer)) faults.invalid(field, finalizer, why);
    if (!finalizer.includes('/') && !STANDARD_FINALIZERS.has(finalizer)) {
      const why = 'name is neither a standard finalizer name nor is it fully qualified';
      faults.invalid(field, finalizer, why);
    }
  }
  if (finalizers.includes(ORPHAN_FINALIZER) && finalizers.includes(FOREGROUND_FINALIZER)) {
    const why = `finalizer ${ORPHAN_FINALIZER} and ${FOREGROUND_FINALIZER} cannot be both set`;
    faults.invalid(field, finalizers, why);
  }
}

/** True when anything but metadata and status differs: what `generation` counts. */
export function isSpecChanged(object: object, previous: object): boolean {
  const next = object as Record<string, unknown>;
  const before = previous as Record<string, unknown>;
  for (const field of new Set([...Object.keys(next), ...Object.keys(before)])) {
    if (field === 'metadata' || field === 'status') continue;
    if (!deepEqual(next[field], before[field])) return true;
  }
  return false;
}
