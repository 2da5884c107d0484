// ServiceAccount: who a pod is to the API.

import type { ServiceAccount } from '../../proto/generated/core.v1.ts';
import { SERVICE_ACCOUNTS } from '../../proto/generated/resources.ts';
import { defineKind } from '../registry/kind.ts';

export const serviceAccountKind = defineKind<ServiceAccount>({
  resource: SERVICE_ACCOUNTS,
  subresources: ['token'],
  columns: [{ name: 'Secrets', value: ({ secrets = [] }) => String(secrets.length) }],
});
