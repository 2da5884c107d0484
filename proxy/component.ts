// The proxy with its informers, as it runs in a process of its own or beside others in one.

import { createInformer } from '../client/informer.ts';
import type { Clock } from '../machinery/clock.ts';
import type { Log } from '../machinery/log.ts';
import type { Metrics } from '../machinery/metrics.ts';
import type { Random } from '../machinery/random.ts';
import type { Transport } from '../machinery/transport.ts';
import { ENDPOINT_SLICES, SERVICES } from '../proto/generated/resources.ts';
import type { Machine } from './machine.ts';
import { createServiceProxy, type ProxyConfig, type ServiceProxy } from './proxy.ts';

export interface ProxyComponentParts {
  readonly transport: Transport;
  readonly config: ProxyConfig;
  readonly machine: Machine;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly metrics?: Metrics;
}

export interface ProxyComponent extends ServiceProxy {
  readonly isSynced: boolean;
}

/** Services that others take care of, as upstream marks them, are not for us. */
const OURS = '!service.kubernetes.io/service-proxy-name,!service.kubernetes.io/headless';

export function createProxyComponent(parts: ProxyComponentParts): ProxyComponent {
  const query = { labelSelector: OURS };
  const services = createInformer({ ...parts, resource: SERVICES, query });
  const slices = createInformer({ ...parts, resource: ENDPOINT_SLICES, query });
  const proxy = createServiceProxy({ ...parts, services, slices });
  return {
    get isHealthy() {
      return proxy.isHealthy;
    },
    get isSynced() {
      return services.isSynced && slices.isSynced;
    },
    async run(signal) {
      await Promise.all([services.run(signal), slices.run(signal), proxy.run(signal)]);
    },
  };
}
