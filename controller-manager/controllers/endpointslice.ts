// EndpointSlices: for every Service that selects pods, the addresses that answer for it.
//
//   Service change ─► its own key
//   Pod change ─────► the Services that select it (or did)
//   Slice change ───► the Service it belongs to
//   reconcile         observe → plan (pure) → act

import type { Informer } from '../../client/lister.ts';
import type { Clock } from '../../machinery/clock.ts';
import { hasReason } from '../../machinery/errors.ts';
import { isDeleting, keyFor, keyOf } from '../../machinery/object.ts';
import type { Transport } from '../../machinery/transport.ts';
import type { Node, Pod, Service } from '../../proto/generated/core.v1.ts';
import type { EndpointSlice } from '../../proto/generated/discovery.v1.ts';
import { ENDPOINT_SLICES } from '../../proto/generated/resources.ts';
import { type Controller, type Key, source } from '../controller.ts';
import { CATCH_UP, OwnWrites } from '../own-writes.ts';
import { changesEndpoints, selects, selectsPods } from '../service-endpoints.ts';
import {
  MANAGED_BY_LABEL,
  MANAGER,
  planSlices,
  SERVICE_NAME_LABEL,
  type SlicePlan,
} from './endpointslice-plan.ts';

const WORKERS = 5;
const ZONE_LABEL = 'topology.kubernetes.io/zone';

/** Index of slices by the Service they belong to. */
export const BY_SERVICE = 'service';

export interface EndpointSliceDependencies {
  readonly services: Informer<Service>;
  readonly pods: Informer<Pod>;
  readonly nodes: Informer<Node>;
  /** Indexed by service (`BY_SERVICE`). */
  readonly slices: Informer<EndpointSlice>;
  readonly transport: Transport;
  readonly clock: Clock;
}

export function endpointSliceController(deps: EndpointSliceDependencies): Controller {
  const { services, pods, nodes, slices, clock } = deps;
  const writes = new OwnWrites(slices, clock);
  return {
    name: 'endpointslice',
    workers: WORKERS,
    sources: [
      source(services, (service) => [keyOf(service)]),
      source(pods, (pod) => servicesOf(pod, services), changesEndpoints),
      source(slices, serviceKeys),
    ],
    reads: [nodes],

    async reconcile(key) {
      const service = services.get(key);
      if (service === undefined) {
        writes.forget(key); // Its slices go with their owner.
        return undefined;
      }
      if (isDeleting(service) || !selectsPods(service)) return undefined;
      if (!writes.caughtUp(key)) return CATCH_UP;
      const plan = planSlices({
        service,
        pods: pods.list(service.metadata.namespace),
        slices: slices.byIndex(BY_SERVICE, key),
        zoneOf: (nodeName) => nodes.get(nodeName)?.metadata.labels?.[ZONE_LABEL],
      });
      await apply(deps, plan, { writes, key });
      return undefined;
    },
  };
}

/** The Services that select a pod. */
export const servicesOf = (pod: Pod, services: Informer<Service>): readonly Key[] =>
  services
    .list(pod.metadata.namespace)
    .filter((service) => selectsPods(service) && selects(service, pod))
    .map(keyOf);

/** Slices that others manage are none of our business. */
export function serviceKeys({ metadata }: EndpointSlice): readonly Key[] {
  const service = metadata.labels?.[SERVICE_NAME_LABEL];
  const isOurs = metadata.labels?.[MANAGED_BY_LABEL] === MANAGER;
  return service !== undefined && isOurs ? [keyFor(metadata.namespace, service)] : [];
}

async function apply(
  { transport }: EndpointSliceDependencies,
  plan: SlicePlan,
  { writes, key }: { readonly writes: OwnWrites<EndpointSlice>; readonly key: Key },
): Promise<void> {
  // New addresses before old ones go: a Service is never emptier than it must be.
  for (const slice of plan.create) {
    writes.wrote(key, await transport.create(ENDPOINT_SLICES, slice));
  }
  for (const slice of plan.update) {
    writes.wrote(key, await transport.update(ENDPOINT_SLICES, slice));
  }
  for (const slice of plan.remove) {
    try {
      await transport.delete(ENDPOINT_SLICES, slice.metadata);
      writes.removed(key, slice);
    } catch (error) {
      if (!hasReason(error, 'NotFound')) throw error;
    }
  }
}
