// Picks the store that the configuration names.

import type { Clock } from '../../machinery/clock.ts';
import { openEmbeddedStore } from './embedded.ts';
import { type EtcdConfig, openEtcdStore } from './etcd.ts';
import { MemoryStore } from './memory.ts';
import type { Store } from './store.ts';

export type StoreConfig =
  | { readonly kind: 'memory' }
  | { readonly kind: 'embedded'; readonly folder: string }
  | ({ readonly kind: 'etcd' } & EtcdConfig);

/** Rejects with StoreUnavailableError when it cannot be opened; etcd is first met on use. */
export async function openStore(config: StoreConfig, clock: Clock): Promise<Store> {
  switch (config.kind) {
    case 'memory':
      return new MemoryStore();
    case 'embedded':
      return openEmbeddedStore(config.folder);
    case 'etcd':
      return openEtcdStore(config, clock);
  }
}
