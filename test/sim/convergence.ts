// What must become true once faults have stopped. Answers name the first thing that is missing.
// Read from the store's history and from the machines, so no cache can flatter itself.

import { deepEqual } from '../../machinery/equality.ts';
import { selectorOfLabels } from '../../machinery/labels.ts';
import { controllerOf, isDeleting } from '../../machinery/object.ts';
import type { Deployment, ReplicaSet } from '../../proto/generated/apps.v1.ts';
import type { Endpoints, Namespace, Pod, Service } from '../../proto/generated/core.v1.ts';
import type { EndpointSlice } from '../../proto/generated/discovery.v1.ts';
import { ENDPOINT_SLICES, SERVICES } from '../../proto/generated/resources.ts';
import type { ApiObject } from '../../proto/resource.ts';
import { planServices } from '../../proxy/service-map.ts';
import type { SimCluster } from './cluster.ts';
import type { History } from './history.ts';

const CORE = '/registry/core/';
const SLICES = '/registry/discovery.k8s.io/endpointslices/';
const SERVICE_LABEL = 'kubernetes.io/service-name';

/** Undefined: all is as it should be. */
export async function missingIn(cluster: SimCluster): Promise<string | undefined> {
  const { history } = cluster;
  return (
    missingRollout(history) ??
    missingPods(cluster) ??
    missingEndpoints(history) ??
    missingCleanup(cluster) ??
    missingInProxy(cluster) ??
    (await missingOnMachines(cluster))
  );
}

const deployments = (history: History) =>
  history.objects<Deployment>('/registry/apps/deployments/');
const podsIn = (history: History) => history.objects<Pod>(`${CORE}pods/`);

function missingRollout(history: History): string | undefined {
  for (const { metadata, spec, status } of deployments(history)) {
    const { name, generation } = metadata;
    const { replicas = 1 } = spec;
    const counts = [
      status?.replicas,
      status?.updatedReplicas,
      status?.readyReplicas,
      status?.availableReplicas,
    ].map((count) => count ?? 0);
    if (status?.observedGeneration !== generation) return `deployment ${name} was not looked at`;
    if (counts.some((count) => count !== replicas)) {
      return `deployment ${name} wants ${replicas}, has ${counts}`;
    }
    const image = spec.template.spec?.containers[0]?.image;
    const own = podsIn(history).filter(
      (pod) => isActive(pod) && deploymentOf(history, pod)?.metadata.uid === metadata.uid,
    );
    const right = own.filter((pod) => isReady(pod) && pod.spec.containers[0]?.image === image);
    if (own.length !== replicas || right.length !== replicas) {
      return `deployment ${name} has ${own.length} pods, ${right.length} ready with ${image}`;
    }
  }
  return undefined;
}

function deploymentOf(history: History, pod: Pod): ApiObject | undefined {
  const set = ownerOf<ReplicaSet>(history, pod, 'replicasets');
  return set && ownerOf(history, set, 'deployments');
}

function ownerOf<T extends ApiObject>(history: History, object: ApiObject, plural: string) {
  const owner = controllerOf(object);
  const key = `/registry/apps/${plural}/${object.metadata.namespace}/${owner?.name}`;
  const found = history.at(key);
  return found?.metadata.uid === owner?.uid ? (found as T) : undefined;
}

/** Every pod runs where it is bound; only machines without power keep pods that should be gone. */
function missingPods({ history, nodes }: SimCluster): string | undefined {
  const isOff = (name: string | undefined) =>
    nodes.some((node) => node.name === name && !node.isOn);
  for (const pod of podsIn(history)) {
    const { name } = pod.metadata;
    if (isOff(pod.spec.nodeName)) {
      if (!isDeleting(pod)) return `pod ${name} is still on ${pod.spec.nodeName}, which is off`;
    } else if (isDeleting(pod)) return `pod ${name} should be gone`;
    else if (isActive(pod) && !isReady(pod)) return `pod ${name} is not ready`;
  }
  return undefined;
}

function missingEndpoints(history: History): string | undefined {
  for (const { metadata, spec } of history.objects<Service>(`${CORE}services/`)) {
    if (spec.selector === undefined) continue;
    const { namespace, name } = metadata;
    const selector = selectorOfLabels(spec.selector);
    const wanted = podsIn(history)
      .filter((pod) => pod.metadata.namespace === namespace && isActive(pod) && isReady(pod))
      .filter((pod) => selector.matches(pod.metadata.labels))
      .map(({ status }) => status?.podIP ?? '');
    const inSlices = history
      .objects<EndpointSlice>(`${SLICES}${namespace}/`)
      .filter((slice) => slice.metadata.labels?.[SERVICE_LABEL] === name)
      .flatMap(({ endpoints = [] }) => endpoints)
      .filter(({ conditions }) => conditions?.ready === true)
      .flatMap(({ addresses }) => addresses);
    const endpoints = history.at(`${CORE}endpoints/${namespace}/${name}`) as Endpoints | undefined;
    const inEndpoints = (endpoints?.subsets ?? []).flatMap(({ addresses = [] }) =>
      addresses.map(({ ip }) => ip),
    );
    if (!isSame(wanted, inSlices)) return `slices of ${name}: ${inSlices}, ready are ${wanted}`;
    if (!isSame(wanted, inEndpoints)) return `endpoints of ${name}: ${inEndpoints} for ${wanted}`;
  }
  return undefined;
}

/** Nothing waits to be deleted, nothing outlives its owner or its namespace. */
function missingCleanup({ history }: SimCluster): string | undefined {
  const all = history.folders
    .filter((folder) => !folder.includes('wherry.internal') && folder !== `${CORE}events/`)
    .flatMap((folder) => history.objects(folder));
  const uids = new Set(all.map(({ metadata }) => metadata.uid));
  const namespaces = new Set(
    history.objects<Namespace>(`${CORE}namespaces/`).map(({ metadata }) => metadata.name),
  );
  for (const { kind, metadata } of all) {
    const what = `${kind} ${metadata.namespace ?? ''}/${metadata.name}`;
    if (metadata.deletionTimestamp && kind !== 'Pod') return `${what} should be gone`;
    if (metadata.namespace && !namespaces.has(metadata.namespace)) {
      return `${what} outlives its namespace`;
    }
    const lost = metadata.ownerReferences?.find(({ uid }) => !uids.has(uid));
    if (lost) return `${what} outlives its owner ${lost.kind} ${lost.name}`;
  }
  return undefined;
}

/** What the proxy would write is what the store says. */
function missingInProxy({ history, proxy }: SimCluster): string | undefined {
  if (proxy === undefined) return 'the proxy is not running';
  const wanted = planServices({
    services: history.objects<Service>(`${CORE}services/`),
    slices: history.objects<EndpointSlice>(SLICES),
    nodeName: '',
  });
  const found = planServices({
    services: proxy.of(SERVICES).list(),
    slices: proxy.of(ENDPOINT_SLICES).list(),
    nodeName: '',
  });
  const isRight =
    wanted.size === found.size &&
    [...wanted].every(([name, rules]) => {
      const known = found.get(name);
      const ips = (targets: readonly { readonly ip: string }[]) => targets.map(({ ip }) => ip);
      return (
        known !== undefined &&
        isSame(ips(rules.internal), ips(known.internal)) &&
        deepEqual(
          { ...rules, internal: [], external: [] },
          { ...known, internal: [], external: [] },
        )
      );
    });
  return isRight ? undefined : 'the proxy knows other services';
}

/** Exactly the pods that the API shows run, once each. */
async function missingOnMachines({ history, nodes }: SimCluster): Promise<string | undefined> {
  for (const node of nodes) {
    if (!node.isOn) continue;
    const { containers } = await node.runtime.list();
    const running = containers.filter(({ state }) => state === 'running');
    const found = running.map(({ pod, name }) => `${pod.uid}/${name}`);
    const wanted = podsIn(history)
      .filter((pod) => pod.spec.nodeName === node.name && isActive(pod))
      .flatMap(({ metadata, spec }) =>
        spec.containers.map(({ name }) => `${metadata.uid}/${name}`),
      );
    if (!isSame(wanted, found)) return `${node.name} runs ${found.length} of ${wanted.length}`;
  }
  return undefined;
}

const isActive = ({ metadata, status }: Pod): boolean =>
  metadata.deletionTimestamp === undefined &&
  status?.phase !== 'Succeeded' &&
  status?.phase !== 'Failed';

const isReady = ({ status }: Pod): boolean =>
  status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') ?? false;

const isSame = (one: readonly string[], other: readonly string[]): boolean =>
  deepEqual(one.toSorted(), other.toSorted());
