// Namespace life cycle: a namespace that is being deleted is emptied of everything, and goes when
// nothing is left.
//
//   Namespace change, a pod gone from it ─► its name
//   reconcile   delete all that is there → look what is left → report → finalize or look again

import type { Informer } from '../../client/lister.ts';
import { type Clock, timestampOf } from '../../machinery/clock.ts';
import { deepEqual } from '../../machinery/equality.ts';
import { hasReason } from '../../machinery/errors.ts';
import { isDeleting } from '../../machinery/object.ts';
import type { Transport } from '../../machinery/transport.ts';
import type {
  Namespace,
  NamespaceCondition,
  NamespaceStatus,
  Pod,
} from '../../proto/generated/core.v1.ts';
import { NAMESPACES } from '../../proto/generated/resources.ts';
import { qualifiedNameOf, type Resource } from '../../proto/resource.ts';
import { type Controller, changeSource, source } from '../controller.ts';
import type { ServedResources } from '../served-resources.ts';

const WORKERS = 4;
/** What waits for grace or finalizers wakes nobody but pods: look again. */
const RECHECK_MS = 1_000;
/** Enough to count; the rest is counted when these have gone. */
const LIST_MAX = 500;

const FINALIZER = 'kubernetes';

export interface NamespaceDependencies {
  readonly namespaces: Informer<Namespace>;
  readonly pods: Informer<Pod>;
  readonly served: ServedResources;
  readonly transport: Transport;
  readonly clock: Clock;
}

/** What is left of one resource. */
export interface Remainder {
  readonly resource: string;
  readonly count: number;
  /** Finalizer → how many objects wait for it. */
  readonly finalizers: ReadonlyMap<string, number>;
}

export function namespaceController(deps: NamespaceDependencies): Controller {
  const { namespaces, pods, served, transport, clock } = deps;
  return {
    name: 'namespace',
    workers: WORKERS,
    sources: [
      source(namespaces, ({ metadata }) => [metadata.name]),
      changeSource(pods, ({ type, object }) =>
        type === 'deleted' ? [object.metadata.namespace ?? ''] : [],
      ),
    ],

    async reconcile(name) {
      const namespace = namespaces.get(name);
      if (namespace === undefined || !isDeleting(namespace)) return undefined;
      if (!namespace.spec.finalizers?.includes(FINALIZER)) return undefined;
      const resources = (await served.all()).filter(({ namespaced }) => namespaced);
      const left = await Promise.all(resources.map((one) => empty(transport, one, name)));
      const remainders = left.filter((one) => one !== undefined);
      const status = planNamespaceStatus(namespace, remainders, clock.now());
      const latest = await report(transport, namespace, status);
      if (remainders.length > 0) return { requeueAfterMs: RECHECK_MS };
      await finalize(transport, latest);
      return undefined;
    },
  };
}

/** Deletes all of a resource in the namespace; answers what is still there, if anything. */
async function empty(
  transport: Transport,
  resource: Resource,
  namespace: string,
): Promise<Remainder | undefined> {
  const before = await transport.list(resource, { namespace, limit: LIST_MAX });
  if (before.items.length === 0) return undefined;
  if (before.items.some((object) => !isDeleting(object))) {
    await transport.deleteCollection(resource, { namespace }, { propagationPolicy: 'Background' });
  }
  const { items } = await transport.list(resource, { namespace, limit: LIST_MAX });
  if (items.length === 0) return undefined;
  const finalizers = new Map<string, number>();
  for (const finalizer of items.flatMap(({ metadata }) => metadata.finalizers ?? [])) {
    finalizers.set(finalizer, (finalizers.get(finalizer) ?? 0) + 1);
  }
  return { resource: qualifiedNameOf(resource), count: items.length, finalizers };
}

export function planNamespaceStatus(
  { status }: Namespace,
  left: readonly Remainder[],
  nowMs: number,
): NamespaceStatus {
  const waiting = left.flatMap(({ finalizers }) => [...finalizers]);
  const verdicts = [
    {
      type: 'NamespaceContentRemaining',
      status: left.length > 0 ? 'True' : 'False',
      reason: left.length > 0 ? 'SomeResourcesRemain' : 'ContentRemoved',
      message:
        left.length > 0
          ? `Some resources are remaining: ${left
              .map(({ resource, count }) => `${resource} has ${count} resource instances`)
              .join(', ')}`
          : 'All content is gone',
    },
    {
      type: 'NamespaceFinalizersRemaining',
      status: waiting.length > 0 ? 'True' : 'False',
      reason: waiting.length > 0 ? 'SomeFinalizersRemain' : 'ContentHasNoFinalizers',
      message:
        waiting.length > 0
          ? `Some content in the namespace has finalizers remaining: ${waiting
              .map(([finalizer, count]) => `${finalizer} in ${count} resource instances`)
              .join(', ')}`
          : 'No content waits for a finalizer',
    },
  ] as const;
  const before = status?.conditions ?? [];
  const judged = new Set<string>(verdicts.map(({ type }) => type));
  const conditions = verdicts.map((verdict): NamespaceCondition => {
    const last = before.find(({ type }) => type === verdict.type);
    const isSame = last?.status === verdict.status;
    return {
      ...verdict,
      lastTransitionTime: (isSame && last.lastTransitionTime) || timestampOf(nowMs),
    };
  });
  return {
    ...status,
    phase: 'Terminating',
    conditions: [...before.filter(({ type }) => !judged.has(type)), ...conditions],
  };
}

async function report(
  transport: Transport,
  namespace: Namespace,
  status: NamespaceStatus,
): Promise<Namespace> {
  if (deepEqual(namespace.status, status)) return namespace;
  return transport.update(NAMESPACES, { ...namespace, status }, { subresource: 'status' });
}

async function finalize(transport: Transport, namespace: Namespace): Promise<void> {
  const finalizers = (namespace.spec.finalizers ?? []).filter((one) => one !== FINALIZER);
  const spec = { ...namespace.spec, finalizers };
  try {
    await transport.update(NAMESPACES, { ...namespace, spec }, { subresource: 'finalize' });
  } catch (error) {
    if (!hasReason(error, 'NotFound')) throw error;
  }
}
