// Every test of a contract works in a namespace of its own, with the account that pods need.

import type { Transport } from '../../machinery/transport.ts';
import type { ConfigMap } from '../../proto/generated/core.v1.ts';
import { CONFIG_MAPS, NAMESPACES, SERVICE_ACCOUNTS } from '../../proto/generated/resources.ts';
import { configMap, namespace } from '../builders.ts';

/** Real time that anything may take; far more than it does. */
export const PATIENCE_MS = 10_000;

export interface OwnNamespace {
  readonly transport: Transport;
  readonly own: string;
  at(name: string): { readonly namespace: string; readonly name: string };
  make(name: string, data?: object, metadata?: object): Promise<ConfigMap>;
}

export type InNamespace = () => Promise<OwnNamespace>;

export async function ownNamespace(transport: Transport, own: string): Promise<OwnNamespace> {
  await transport.create(NAMESPACES, namespace(own));
  // No controller is there to make it.
  await transport.create(SERVICE_ACCOUNTS, { metadata: { name: 'default', namespace: own } });
  return {
    transport,
    own,
    at: (name) => ({ namespace: own, name }),
    make: (name, data = {}, metadata = {}) =>
      transport.create(CONFIG_MAPS, configMap(name, { ...data }, { namespace: own, ...metadata })),
  };
}
