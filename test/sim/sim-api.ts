// API servers of the simulation: each is a process of its own over the same store.

import { defaultAdmission } from '../../apiserver/admission/chain.ts';
import { AUTHENTICATED, MASTERS } from '../../apiserver/authn/user.ts';
import { cacheReader } from '../../apiserver/cache-reader.ts';
import { inProcessTransport } from '../../apiserver/inprocess.ts';
import { KINDS } from '../../apiserver/kinds/kinds.ts';
import { bootstrap } from '../../apiserver/registry/bootstrap.ts';
import { hubResourcesOf } from '../../apiserver/registry/indexes.ts';
import { createLookup } from '../../apiserver/registry/lookup.ts';
import { createRegistry } from '../../apiserver/registry/store-registry.ts';
import { WatchHub } from '../../apiserver/watch/hub.ts';
import { StatusError } from '../../machinery/errors.ts';
import type { Log } from '../../machinery/log.ts';
import type { Random } from '../../machinery/random.ts';
import type { Server } from './network.ts';
import type { SimProcess } from './sim-process.ts';
import type { SimStore } from './sim-store.ts';

const SERVICE_CIDR = '10.96.0.0/16';
const RETRY_MS = 100;
const POLL_MS = 5;
/** Small, so that watchers that were away for a while are told to list again. */
const WINDOW_EVENTS = 200;
const BUFFER_EVENTS = 200;

interface Parts {
  readonly store: SimStore;
  readonly random: Random;
  readonly log: Log;
}

/** Calls `serve` once it may be asked. */
export async function runApiServer(
  { store: shared, random, log }: Parts,
  process: SimProcess,
  serve: (server: Server) => void,
): Promise<void> {
  const store = process.reaching(shared.session());
  const clock = process;
  const stop = new AbortController();
  process.onDeath(() => stop.abort());
  const limits = { windowEventsMax: WINDOW_EVENTS, bufferEventsMax: BUFFER_EVENTS };
  const resources = hubResourcesOf(KINDS);
  const hub = new WatchHub({ store, clock, log, resources, limits });
  const registry = createRegistry({
    store,
    hub,
    kinds: KINDS,
    clock,
    random,
    admission: defaultAdmission({
      lookup: createLookup({ store, hub }),
      reader: cacheReader(hub, KINDS),
      random,
      clock,
    }),
    serviceCidr: SERVICE_CIDR,
    nodePortRange: { first: 30_000, last: 32_767 },
    log,
  });
  const running = hub.run(stop.signal);
  while (!hub.ready) await clock.sleep(POLL_MS);
  for (;;) {
    try {
      await bootstrap(registry, {
        serviceCidr: SERVICE_CIDR,
        advertiseAddress: '10.0.0.1',
        port: 6443,
      });
      break;
    } catch (error) {
      if (!(error instanceof StatusError)) throw error;
      await clock.sleep(RETRY_MS);
    }
  }
  const user = { name: 'admin', groups: [MASTERS, AUTHENTICATED] };
  serve({ process, transport: inProcessTransport(registry, user) });
  await running;
}
