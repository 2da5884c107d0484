// Volumes that outlive pods, claims on them, and classes of storage.

import type { PersistentVolume, PersistentVolumeClaim } from '../../proto/generated/core.v1.ts';
import {
  CSI_DRIVERS,
  CSI_NODES,
  CSI_STORAGE_CAPACITIES,
  PERSISTENT_VOLUME_CLAIMS,
  PERSISTENT_VOLUMES,
  STORAGE_CLASSES,
  VOLUME_ATTACHMENTS,
  VOLUME_ATTRIBUTES_CLASSES,
} from '../../proto/generated/resources.ts';
import type { StorageClass } from '../../proto/generated/storage.v1.ts';
import { defineKind } from '../registry/kind.ts';

const MODES: Readonly<Record<string, string>> = {
  ReadWriteOnce: 'RWO',
  ReadOnlyMany: 'ROX',
  ReadWriteMany: 'RWX',
  ReadWriteOncePod: 'RWOP',
};
const DEFAULT_CLASS = 'storageclass.kubernetes.io/is-default-class';

const modesText = (modes: readonly string[] = []): string =>
  modes.map((mode) => MODES[mode] ?? mode).join(',');

export const persistentVolumeKind = defineKind<PersistentVolume>({
  resource: PERSISTENT_VOLUMES,
  hasStatus: true,
  columns: [
    { name: 'Capacity', value: ({ spec }) => spec.capacity?.storage ?? '' },
    { name: 'Access Modes', value: ({ spec }) => modesText(spec.accessModes) },
    { name: 'Reclaim Policy', value: ({ spec }) => spec.persistentVolumeReclaimPolicy ?? '' },
    {
      name: 'Status',
      value: ({ metadata, status }) =>
        metadata.deletionTimestamp === undefined ? (status?.phase ?? '') : 'Terminating',
    },
    {
      name: 'Claim',
      value: ({ spec: { claimRef } }) =>
        claimRef === undefined ? '' : `${claimRef.namespace}/${claimRef.name}`,
    },
    { name: 'StorageClass', value: ({ spec }) => spec.storageClassName ?? '' },
    {
      name: 'VolumeAttributesClass',
      value: ({ spec }) => spec.volumeAttributesClassName ?? '<unset>',
    },
    { name: 'Reason', value: ({ status }) => status?.reason ?? '' },
    { name: 'VolumeMode', wide: true, value: ({ spec }) => spec.volumeMode ?? '<unset>' },
  ],
  prepareCreate(volume) {
    volume.status = { phase: 'Pending' };
  },
  validate({ spec }, faults) {
    if (!spec.accessModes?.length) faults.required('spec.accessModes');
    if (!spec.capacity?.storage) faults.required('spec.capacity');
  },
});

export const persistentVolumeClaimKind = defineKind<PersistentVolumeClaim>({
  resource: PERSISTENT_VOLUME_CLAIMS,
  hasStatus: true,
  columns: [
    {
      name: 'Status',
      value: ({ metadata, status }) =>
        metadata.deletionTimestamp === undefined ? (status?.phase ?? '') : 'Terminating',
    },
    { name: 'Volume', value: ({ spec }) => spec.volumeName ?? '' },
    { name: 'Capacity', value: ({ status }) => status?.capacity?.storage ?? '' },
    { name: 'Access Modes', value: ({ status }) => modesText(status?.accessModes) },
    { name: 'StorageClass', value: ({ spec }) => spec.storageClassName ?? '' },
    {
      name: 'VolumeAttributesClass',
      value: ({ spec }) => spec.volumeAttributesClassName ?? '<unset>',
    },
    { name: 'VolumeMode', wide: true, value: ({ spec }) => spec.volumeMode ?? '<unset>' },
  ],
  prepareCreate(claim) {
    claim.status = { phase: 'Pending' };
  },
  validate({ spec }, faults) {
    if (!spec.accessModes?.length) {
      faults.required('spec.accessModes', 'at least 1 access mode is required');
    }
    if (!spec.resources?.requests?.storage) faults.required('spec.resources[storage]');
  },
});

export const storageClassKind = defineKind<StorageClass>({
  resource: STORAGE_CLASSES,
  columns: [
    { name: 'Provisioner', value: ({ provisioner }) => provisioner },
    { name: 'ReclaimPolicy', value: ({ reclaimPolicy }) => reclaimPolicy ?? '' },
    { name: 'VolumeBindingMode', value: ({ volumeBindingMode }) => volumeBindingMode ?? '<unset>' },
    {
      name: 'AllowVolumeExpansion',
      value: ({ allowVolumeExpansion }) => String(allowVolumeExpansion ?? false),
    },
  ],
  warnings: ({ metadata }) =>
    metadata.annotations?.[`storageclass.beta.kubernetes.io/is-default-class`] === undefined
      ? []
      : [`use ${DEFAULT_CLASS} instead of its beta form`],
});

export const csiDriverKind = defineKind({ resource: CSI_DRIVERS });
export const csiNodeKind = defineKind({ resource: CSI_NODES });
export const csiStorageCapacityKind = defineKind({ resource: CSI_STORAGE_CAPACITIES });
export const volumeAttachmentKind = defineKind({ resource: VOLUME_ATTACHMENTS, hasStatus: true });
export const volumeAttributesClassKind = defineKind({ resource: VOLUME_ATTRIBUTES_CLASSES });
