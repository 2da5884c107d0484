// ConfigMap and Secret: data that pods are given.

import { deepEqual } from '../../machinery/equality.ts';
import { isConfigMapKey } from '../../machinery/names.ts';
import type { Faults } from '../../machinery/validation.ts';
import type { ConfigMap, Secret } from '../../proto/generated/core.v1.ts';
import { CONFIG_MAPS, SECRETS } from '../../proto/generated/resources.ts';
import { defineKind } from '../registry/kind.ts';
import { validateImmutable } from './template.ts';

/** All values of one object together, as upstream has it. */
const DATA_BYTES_MAX = 1024 * 1024;

export const configMapKind = defineKind<ConfigMap>({
  resource: CONFIG_MAPS,
  columns: [
    {
      name: 'Data',
      value: ({ data = {}, binaryData = {} }) =>
        String(Object.keys(data).length + Object.keys(binaryData).length),
    },
  ],

  validate({ data = {}, binaryData = {} }, faults) {
    let bytes = 0;
    for (const [key, value] of Object.entries(data)) {
      for (const why of isConfigMapKey(key)) faults.invalid(`data[${key}]`, key, why);
      if (Object.hasOwn(binaryData, key)) {
        faults.invalid(`data[${key}]`, key, 'duplicate of key present in binaryData');
      }
      bytes += Buffer.byteLength(value);
    }
    for (const [key, value] of Object.entries(binaryData)) {
      for (const why of isConfigMapKey(key)) faults.invalid(`binaryData[${key}]`, key, why);
      bytes += decodedBytes(value);
    }
    if (bytes > DATA_BYTES_MAX) faults.tooLong('', DATA_BYTES_MAX);
  },

  validateUpdate(now, before, faults) {
    validateFrozen(now, before, faults);
  },
});

/** What a type of Secret cannot do without. */
const SECRET_KEYS: Readonly<Record<string, readonly string[]>> = {
  'kubernetes.io/tls': ['tls.crt', 'tls.key'],
  'kubernetes.io/dockerconfigjson': ['.dockerconfigjson'],
  'kubernetes.io/dockercfg': ['.dockercfg'],
  'kubernetes.io/ssh-auth': ['ssh-privatekey'],
};
const ACCOUNT_TOKEN = 'kubernetes.io/service-account-token';
const ACCOUNT_NAME = 'kubernetes.io/service-account.name';

export const secretKind = defineKind<Secret>({
  resource: SECRETS,
  fields: { type: ({ type }) => type ?? '' },
  columns: [
    { name: 'Type', value: ({ type }) => type ?? '' },
    { name: 'Data', value: ({ data = {} }) => String(Object.keys(data).length) },
  ],

  /** stringData is for writing only: it ends up in data. */
  defaults(secret) {
    if (secret.stringData === undefined) return;
    const written = Object.entries(secret.stringData).map(
      ([key, value]) => [key, Buffer.from(value).toString('base64')] as const,
    );
    secret.data = { ...secret.data, ...Object.fromEntries(written) };
    delete secret.stringData;
  },

  validate({ metadata, data = {}, type = '' }, faults) {
    let bytes = 0;
    for (const [key, value] of Object.entries(data)) {
      for (const why of isConfigMapKey(key)) faults.invalid(`data[${key}]`, key, why);
      bytes += decodedBytes(value);
    }
    if (bytes > DATA_BYTES_MAX) faults.tooLong('data', DATA_BYTES_MAX);
    for (const key of (Object.hasOwn(SECRET_KEYS, type) && SECRET_KEYS[type]) || []) {
      if (!Object.hasOwn(data, key)) faults.required(`data[${key}]`);
    }
    if (type === ACCOUNT_TOKEN && !metadata.annotations?.[ACCOUNT_NAME]) {
      faults.required(`metadata.annotations[${ACCOUNT_NAME}]`);
    }
  },

  validateUpdate(now, before, faults) {
    validateImmutable('type', { value: now.type, previous: before.type }, faults);
    validateFrozen(now, before, faults);
  },
});

type Frozen = Pick<ConfigMap, 'immutable' | 'data' | 'binaryData'>;

function validateFrozen(now: Frozen, before: Frozen, faults: Faults): void {
  if (!before.immutable) return;
  const why = 'field is immutable when `immutable` is set';
  if (!now.immutable) faults.forbidden('immutable', why);
  for (const field of ['data', 'binaryData'] as const) {
    if (!deepEqual(now[field], before[field])) faults.forbidden(field, why);
  }
}

const decodedBytes = (base64: string): number => Math.floor((base64.length * 3) / 4);
