// Everything behind the doors: store, watch hub, registry, and the loops that keep them going.

import { isIPv4 } from 'node:net';
import type { Clock } from '../machinery/clock.ts';
import { hasReason } from '../machinery/errors.ts';
import type { Log } from '../machinery/log.ts';
import type { Random } from '../machinery/random.ts';
import { defaultAdmission } from './admission/chain.ts';
import { cacheReader } from './cache-reader.ts';
import { KINDS } from './kinds/kinds.ts';
import { bootstrap } from './registry/bootstrap.ts';
import { runEventExpiry } from './registry/event-expiry.ts';
import { hubResourcesOf } from './registry/indexes.ts';
import type { Kind } from './registry/kind.ts';
import { createLookup } from './registry/lookup.ts';
import type { Registry } from './registry/registry.ts';
import { createRegistry } from './registry/store-registry.ts';
import { runCompactor } from './store/compactor.ts';
import { openStore, type StoreConfig } from './store/open.ts';
import { WatchHub } from './watch/hub.ts';

export interface BackendConfig {
  readonly store: StoreConfig;
  readonly serviceCidr: string;
  readonly advertiseAddress: string;
  /** Of the service `kubernetes`, known once the server listens. */
  readonly port: () => number;
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
const BOOTSTRAP_RETRY_MS = 500;
const NODE_PORTS = { first: 30_000, last: 32_767 };

export async function openBackend(
  config: BackendConfig,
  { clock, random, log }: Parts,
  signal: AbortSignal,
): Promise<Backend> {
  const store = await openStore(config.store, clock);
  const kinds = KINDS;
  const hub = new WatchHub({ store, clock, log, resources: hubResourcesOf(kinds) });
  const registry = createRegistry({
    store,
    hub,
    kinds,
    clock,
    random,
    log,
    admission: defaultAdmission({
      lookup: createLookup({ store, hub }),
      reader: cacheReader(hub, kinds),
      random,
      clock,
    }),
    serviceCidr: config.serviceCidr,
    nodePortRange: NODE_PORTS,
  });
  const loops = [
    hub.run(signal),
    runCompactor({ store, clock, log }, {}, signal),
    runEventExpiry({ store, hub, clock, log }, signal),
  ];
  let isBootstrapped = false;
  return {
    hub,
    kinds,
    registry,
    isFilled: () => hub.revision > 0,
    isBootstrapped: () => isBootstrapped,
    async ready() {
      while (!hub.ready) await clock.sleep(FILL_POLL_MS, signal);
      const { serviceCidr } = config;
      const advertiseAddress = reachable(config.advertiseAddress);
      while (!isBootstrapped) {
        try {
          await bootstrap(registry, { serviceCidr, advertiseAddress, port: config.port() });
          isBootstrapped = true;
        } catch (error) {
          if (!hasReason(error, 'ServiceUnavailable', 'Timeout')) throw error;
          log.warn('Could not make the first objects, will retry', { error });
          await clock.sleep(BOOTSTRAP_RETRY_MS, signal);
        }
      }
    },
    async close() {
      await Promise.all(loops);
      await store.close();
    },
  };
}

/** Nobody else can reach this server under a loopback address: better none than a wrong one. */
const reachable = (address: string): string | undefined =>
  isIPv4(address) && !address.startsWith('127.') && address !== '0.0.0.0' ? address : undefined;
