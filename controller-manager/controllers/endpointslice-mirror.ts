// Endpoints that somebody wrote by hand, for a Service without a selector (a database outside the
// cluster, say), are mirrored into EndpointSlices: proxies read nothing else.
//
//   Endpoints, Service change, slice of ours ─► key of the Endpoints
//   reconcile                                    plan (pure) → create, update, delete

import type { Informer } from '../../client/lister.ts';
import { deepEqual } from '../../machinery/equality.ts';
import { hasReason } from '../../machinery/errors.ts';
import { isDeleting, keyFor, keyOf } from '../../machinery/object.ts';
import type { Transport } from '../../machinery/transport.ts';
import type {
  EndpointAddress,
  EndpointSubset,
  Endpoints,
  Service,
} from '../../proto/generated/core.v1.ts';
import type { Endpoint, EndpointSlice } from '../../proto/generated/discovery.v1.ts';
import { ENDPOINT_SLICES, ENDPOINTS } from '../../proto/generated/resources.ts';
import { type Controller, source } from '../controller.ts';
import { controllerReference } from '../ownership.ts';
import { hashOf } from '../pod-template.ts';
import { familyOf, type IpFamily } from '../service-endpoints.ts';
import { MANAGED_BY_ENDPOINTS_LABEL } from './endpoints.ts';
import { MANAGED_BY_LABEL, SERVICE_NAME_LABEL } from './endpointslice-plan.ts';

const WORKERS = 2;
const MANAGER = 'endpointslicemirroring-controller.k8s.io';
const SKIP_LABEL = 'endpointslice.kubernetes.io/skip-mirror';
/** What the API allows in one slice. */
const ENDPOINTS_MAX = 1000;

export interface MirrorDependencies {
  readonly services: Informer<Service>;
  readonly endpoints: Informer<Endpoints>;
  readonly slices: Informer<EndpointSlice>;
  readonly transport: Transport;
}

export function endpointSliceMirror(deps: MirrorDependencies): Controller {
  const { services, endpoints, slices, transport } = deps;
  return {
    name: 'endpointslice-mirroring',
    workers: WORKERS,
    sources: [
      source(endpoints, (one) => [keyOf(one)]),
      source(services, (service) => [keyOf(service)]),
      source(slices, ({ metadata }) =>
        metadata.labels?.[MANAGED_BY_LABEL] === MANAGER
          ? [keyFor(metadata.namespace, metadata.labels[SERVICE_NAME_LABEL] ?? '')]
          : [],
      ),
    ],

    async reconcile(key) {
      const present = slices
        .list(key.slice(0, key.indexOf('/')))
        .filter(({ metadata }) => isMirrorOf(metadata.labels ?? {}, key));
      const wanted = planMirror(endpoints.get(key), services.get(key));
      const names = new Set(wanted.map(({ metadata }) => metadata.name));
      for (const slice of wanted) {
        const before = present.find(({ metadata }) => metadata.name === slice.metadata.name);
        await write(transport, slice, before);
      }
      for (const slice of present.filter(({ metadata }) => !names.has(metadata.name))) {
        await remove(transport, slice);
      }
      return undefined;
    },
  };
}

/** One slice per subset and address family, by a name that follows from its ports. */
export function planMirror(
  endpoints: Endpoints | undefined,
  service: Service | undefined,
): readonly EndpointSlice[] {
  if (endpoints === undefined || isDeleting(endpoints) || service === undefined) return [];
  const { labels = {} } = endpoints.metadata;
  const isWritten =
    labels[MANAGED_BY_ENDPOINTS_LABEL] !== undefined || labels[SKIP_LABEL] === 'true';
  if (isWritten || Object.keys(service.spec.selector ?? {}).length > 0) return [];
  return (endpoints.subsets ?? []).flatMap((subset) =>
    (['IPv4', 'IPv6'] as const).flatMap((family) => sliceOf(endpoints, subset, family)),
  );
}

function sliceOf(endpoints: Endpoints, subset: EndpointSubset, family: IpFamily): EndpointSlice[] {
  const isOfFamily = ({ ip }: EndpointAddress) => familyOf(ip) === family;
  const list = [
    ...(subset.addresses ?? []).filter(isOfFamily).map((address) => endpointOf(address, true)),
    ...(subset.notReadyAddresses ?? [])
      .filter(isOfFamily)
      .map((address) => endpointOf(address, false)),
  ].slice(0, ENDPOINTS_MAX);
  if (list.length === 0) return [];
  const { name, namespace, labels = {} } = endpoints.metadata;
  const ports = (subset.ports ?? []).map(({ name: port = '', ...rest }) => ({
    name: port,
    ...rest,
  }));
  return [
    {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: {
        name: `${name}-${hashOf({ family, ports })}`,
        ...(namespace !== undefined && { namespace }),
        labels: { ...labels, [SERVICE_NAME_LABEL]: name, [MANAGED_BY_LABEL]: MANAGER },
        ownerReferences: [controllerReference(ENDPOINTS, endpoints)],
      },
      addressType: family,
      endpoints: list,
      ...(ports.length > 0 && { ports }),
    },
  ];
}

const endpointOf = (
  { ip, hostname, nodeName, targetRef }: EndpointAddress,
  ready: boolean,
): Endpoint => ({
  addresses: [ip],
  conditions: { ready },
  ...(hostname !== undefined && { hostname }),
  ...(nodeName !== undefined && { nodeName }),
  ...(targetRef && { targetRef }),
});

const isMirrorOf = (labels: Readonly<Record<string, string>>, key: string): boolean =>
  labels[MANAGED_BY_LABEL] === MANAGER &&
  labels[SERVICE_NAME_LABEL] === key.slice(key.indexOf('/') + 1);

async function write(
  transport: Transport,
  wanted: EndpointSlice,
  before: EndpointSlice | undefined,
): Promise<void> {
  if (before === undefined) {
    await transport.create(ENDPOINT_SLICES, wanted);
    return;
  }
  const { labels, ownerReferences } = before.metadata;
  const isSame =
    deepEqual(before.endpoints, wanted.endpoints) &&
    deepEqual(
      { labels, ownerReferences },
      {
        labels: wanted.metadata.labels,
        ownerReferences: wanted.metadata.ownerReferences,
      },
    );
  if (isSame) return;
  const metadata = { ...before.metadata, ...wanted.metadata };
  await transport.update(ENDPOINT_SLICES, { ...before, ...wanted, metadata });
}

async function remove(transport: Transport, { metadata }: EndpointSlice): Promise<void> {
  try {
    await transport.delete(ENDPOINT_SLICES, metadata, { preconditions: { uid: metadata.uid } });
  } catch (error) {
    if (!hasReason(error, 'NotFound', 'Conflict')) throw error;
  }
}
