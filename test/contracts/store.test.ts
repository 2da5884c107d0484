// The store contract against every store.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { openEmbeddedStore } from '../../apiserver/store/embedded.ts';
import { openEtcdStore } from '../../apiserver/store/etcd.ts';
import { MemoryStore } from '../../apiserver/store/memory.ts';
import { systemClock } from '../../machinery/clock.ts';
import { type EtcdServer, startEtcd } from '../etcd-server.ts';
import { type OpenedStore, storeContract } from './store.ts';

storeContract('memory', openMemory, { isDurable: false });
storeContract('embedded', openEmbedded, { isDurable: true });

let etcd: EtcdServer | undefined;
let clusters = 0;
afterAll(() => etcd?.stop());
storeContract('etcd', openEtcd, { isDurable: true });

async function openMemory(): Promise<OpenedStore> {
  const store = new MemoryStore();
  return { store, dispose: () => store.close() };
}

async function openEmbedded(): Promise<OpenedStore> {
  const folder = await mkdtemp(join(tmpdir(), 'wherry-store-'));
  let store = await openEmbeddedStore(folder);
  return {
    store,
    async reopen() {
      await store.close();
      store = await openEmbeddedStore(folder);
      return store;
    },
    async dispose() {
      await store.close();
      await rm(folder, { recursive: true });
    },
  };
}

/** One server for all; a prefix of its own for each test. */
async function openEtcd(): Promise<OpenedStore> {
  etcd ??= await startEtcd();
  const config = { endpoints: [etcd.endpoint], prefix: `/cluster-${clusters++}` };
  let store = openEtcdStore(config, systemClock);
  return {
    store,
    async reopen() {
      await store.close();
      store = openEtcdStore(config, systemClock);
      return store;
    },
    dispose: () => store.close(),
  };
}
