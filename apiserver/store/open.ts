// Picks the store that the configuration names, and loads no other: etcd's client alone takes 0.2 s.

import type { Clock } from '../../machinery/clock.ts';
import type { EtcdConfig } from './etcd.ts';
import type { Store } from './store.ts';

export type StoreConfig =
  | { readonly kind: 'memory' }
  | { readonly kind: 'embedded'; readonly folder: string }
  | ({ readonly kind: 'etcd' } & EtcdConfig);

/** Rejects with StoreUnavailableError when it cannot be opened; etcd is first met on use. */
export async function openStore(config: StoreConfig, clock: Clock): Promise<Store> {
  switch (config.kind) {
    case 'memory': {
      const { MemoryStore } = await import('./memory.ts');
      return new MemoryStore();
    }
    case 'embedded': {
      const { openEmbeddedStore } = await import('./embedded.ts');
      return openEmbeddedStore(config.folder);
    }
    case 'etcd': {
      const { openEtcdStore } = await import('./etcd.ts');
      return openEtcdStore(config, clock);
    }
  }
}
