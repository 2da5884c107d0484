// Everything behind the doors: store, watch hub, registry, and the loops that keep them going.

import type { Clock } from '../machinery/clock.ts';
import type { Log } from '../machinery/log.ts';
import type { Random } from '../machinery/random.ts';
import { KINDS } from './kinds/kinds.ts';
import type { Kind } from './registry/kind.ts';
import type { Registry } from './registry/registry.ts';
import { INDEXED_FIELDS } from './registry/selection.ts';
import { createRegistry } from './registry/store-registry.ts';
import { runCompactor } from './store/compactor.ts';
import { openStore, type StoreConfig } from './store/open.ts';
import type { IndexDefinition } from './watch/cache.ts';
import { type HubResource, WatchHub } from './watch/hub.ts';

export interface BackendConfig {
  readonly store: StoreConfig;
  readonly serviceCidr: string;
  readonly advertiseAddress: string;
}

export interface Backend {
  readonly hub: WatchHub;
  readonly kinds: readonly Kind[];
  readonly registry: Registry;
  isFilled(): boolean;
  isBootstrapped(): boolean;
  /** Resolves once the caches are filled and the first objects exist. */
  ready(): Promise<void>;
  close(): Promise<void>;
}

interface Parts {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

const FILL_POLL_MS = 5;
const NODE_PORTS = { first: 30_000, last: 32_767 };

export async function openBackend(
  config: BackendConfig,
  { clock, random, log }: Parts,
  signal: AbortSignal,
): Promise<Backend> {
  const store = await openStore(config.store, clock);
  const kinds = KINDS;
  const hub = new WatchHub({ store, clock, log, resources: hubResources(kinds) });
  const registry = createRegistry({
    store,
    hub,
    kinds,
    clock,
    random,
    log,
    admission: [],
    serviceCidr: config.serviceCidr,
    nodePortRange: NODE_PORTS,
  });
  const loops = [hub.run(signal), runCompactor({ store, clock, log }, {}, signal)];
  let isBootstrapped = false;
  return {
    hub,
    kinds,
    registry,
    isFilled: () => hub.revision > 0,
    isBootstrapped: () => isBootstrapped,
    async ready() {
      while (!hub.ready) await clock.sleep(FILL_POLL_MS, signal);
      isBootstrapped = true;
    },
    async close() {
      await Promise.all(loops);
      await store.close();
    },
  };
}

/** Versions of one resource share a cache. */
function hubResources(kinds: readonly Kind[]): readonly HubResource[] {
  const byName = new Map<string, HubResource>();
  for (const kind of kinds) {
    const { group, plural } = kind.resource;
    byName.set(`${plural}.${group}`, { resource: { group, plural }, indexes: indexesOf(kind) });
  }
  return [...byName.values()];
}

function indexesOf({ fields = {} }: Kind): readonly IndexDefinition[] {
  return INDEXED_FIELDS.flatMap((name) => {
    const read = fields[name];
    return read === undefined ? [] : [{ name, valueOf: ({ object }) => read(object) }];
  });
}
