// Every namespace has a ServiceAccount named `default`: pods that name none run as it.
//
//   Namespace, ServiceAccount change ─► name of the namespace
//   reconcile                           create what is missing

import type { Informer } from '../../client/lister.ts';
import { hasReason } from '../../machinery/errors.ts';
import { isDeleting, keyFor } from '../../machinery/object.ts';
import type { Transport } from '../../machinery/transport.ts';
import type { Namespace, ServiceAccount } from '../../proto/generated/core.v1.ts';
import { SERVICE_ACCOUNTS } from '../../proto/generated/resources.ts';
import { type Controller, source } from '../controller.ts';

const WORKERS = 2;
const NAME = 'default';

export interface ServiceAccountDependencies {
  readonly namespaces: Informer<Namespace>;
  readonly accounts: Informer<ServiceAccount>;
  readonly transport: Transport;
}

export function serviceAccountController(deps: ServiceAccountDependencies): Controller {
  const { namespaces, accounts, transport } = deps;
  return {
    name: 'serviceaccount',
    workers: WORKERS,
    sources: [
      source(namespaces, ({ metadata }) => [metadata.name]),
      source(accounts, ({ metadata }) =>
        metadata.name === NAME ? [metadata.namespace ?? ''] : [],
      ),
    ],

    async reconcile(name) {
      const namespace = namespaces.get(name);
      if (namespace === undefined || isDeleting(namespace)) return undefined;
      if (accounts.get(keyFor(name, NAME)) !== undefined) return undefined;
      const account = { apiVersion: 'v1', kind: 'ServiceAccount' };
      try {
        const metadata = { name: NAME, namespace: name };
        await transport.create(SERVICE_ACCOUNTS, { ...account, metadata });
      } catch (error) {
        if (!hasReason(error, 'AlreadyExists', 'NotFound')) throw error;
      }
      return undefined;
    },
  };
}
