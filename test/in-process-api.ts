// A whole API without a server around it: registry, caches and a store in memory, for tests.

import { defaultAdmission } from '../apiserver/admission/chain.ts';
import { AUTHENTICATED, MASTERS, type User } from '../apiserver/authn/user.ts';
import { cacheReader } from '../apiserver/cache-reader.ts';
import { inProcessTransport } from '../apiserver/inprocess.ts';
import { KINDS } from '../apiserver/kinds/kinds.ts';
import { bootstrap } from '../apiserver/registry/bootstrap.ts';
import { hubResourcesOf } from '../apiserver/registry/indexes.ts';
import { createLookup } from '../apiserver/registry/lookup.ts';
import type { Call, Registry } from '../apiserver/registry/registry.ts';
import { createRegistry } from '../apiserver/registry/store-registry.ts';
import { MemoryStore } from '../apiserver/store/memory.ts';
import type { Store } from '../apiserver/store/store.ts';
import { WatchHub } from '../apiserver/watch/hub.ts';
import { type Clock, systemClock } from '../machinery/clock.ts';
import { silentLog } from '../machinery/log.ts';
import { type Random, systemRandom } from '../machinery/random.ts';
import type { Transport } from '../machinery/transport.ts';
import { SERVICE_ACCOUNTS } from '../proto/generated/resources.ts';
import type { Resource } from '../proto/resource.ts';

export interface InProcessApi {
  readonly registry: Registry;
  readonly transport: Transport;
  readonly store: Store;
  readonly hub: WatchHub;
  callTo(resource: Resource, rest?: Partial<Call>): Call;
  close(): Promise<void>;
}

export interface InProcessOptions {
  readonly store?: Store;
  readonly clock?: Clock;
  readonly random?: Random;
  /** As a controller would: the account `default` in the namespace `default`. */
  readonly hasDefaultAccount?: boolean;
}

export const TEST_ADMIN: User = { name: 'admin', groups: [MASTERS, AUTHENTICATED] };
const SERVICE_CIDR = '10.96.0.0/16';

export async function startInProcessApi(options: InProcessOptions = {}): Promise<InProcessApi> {
  const { clock = systemClock, random = systemRandom, store = new MemoryStore() } = options;
  const stop = new AbortController();
  const hub = new WatchHub({ store, clock, log: silentLog, resources: hubResourcesOf(KINDS) });
  const running = hub.run(stop.signal);
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
    log: silentLog,
  });
  await bootstrap(registry, {
    serviceCidr: SERVICE_CIDR,
    advertiseAddress: '10.0.0.1',
    port: 6443,
  });
  const transport = inProcessTransport(registry, TEST_ADMIN);
  if (options.hasDefaultAccount ?? true) {
    const metadata = { namespace: 'default', name: 'default' };
    await transport.create(SERVICE_ACCOUNTS, { metadata });
  }
  return {
    registry,
    transport,
    store,
    hub,
    callTo: ({ group, version, plural }, rest) => ({
      user: TEST_ADMIN,
      kind: registry.kindOf(group, version, plural)!,
      ...rest,
    }),
    async close() {
      stop.abort();
      await running;
      await store.close();
    },
  };
}
