// Deployment, the history: which ReplicaSet has which template, what it is called, which revision
// it carries, and which ones may be forgotten. Pure.

import { deepEqual } from '../../machinery/equality.ts';
import { isDeleting } from '../../machinery/object.ts';
import type { Deployment, ReplicaSet } from '../../proto/generated/apps.v1.ts';
import type { PodTemplateSpec } from '../../proto/generated/core.v1.ts';
import { DEPLOYMENTS } from '../../proto/generated/resources.ts';
import { controllerReference } from '../ownership.ts';
import { templateHash } from '../pod-template.ts';
import {
  byAge,
  DESIRED_ANNOTATION,
  limitsOf,
  MAX_ANNOTATION,
  type Revisions,
  replicasOf,
} from './deployment-rollout.ts';

export const REVISION_ANNOTATION = 'deployment.kubernetes.io/revision';
const HISTORY_ANNOTATION = 'deployment.kubernetes.io/revision-history';
export const HASH_LABEL = 'pod-template-hash';

/** Annotations hold 256 KiB together; a history of reused revisions must not eat them up. */
const HISTORY_LENGTH_MAX = 2000;

const HISTORY_LIMIT_DEFAULT = 10;

/** Belong to one object only: never copied from the Deployment to its sets. */
const OWN_ANNOTATIONS = new Set([
  'kubectl.kubernetes.io/last-applied-configuration',
  'deprecated.deployment.rollback.to',
  REVISION_ANNOTATION,
  HISTORY_ANNOTATION,
  DESIRED_ANNOTATION,
  MAX_ANNOTATION,
]);

type Annotations = Readonly<Record<string, string>>;

/** Of several sets with the template, the oldest is current, so that all choose the same. */
export function revisionsOf({ spec }: Deployment, sets: readonly ReplicaSet[]): Revisions {
  const sorted = sets.toSorted(byAge);
  const current = sorted.find((set) => isSameTemplate(set.spec.template, spec.template));
  return { current, old: sorted.filter((set) => set !== current) };
}

export const isSameTemplate = (
  a: PodTemplateSpec | undefined,
  b: PodTemplateSpec | undefined,
): boolean => a !== undefined && b !== undefined && deepEqual(withoutHash(a), withoutHash(b));

export const revisionOf = ({ metadata }: Pick<ReplicaSet, 'metadata'>): number =>
  Number(metadata.annotations?.[REVISION_ANNOTATION] ?? 0) || 0;

/** One more than any old revision: going back to an old template makes it the newest again. */
export const nextRevision = ({ old }: Revisions): number => Math.max(0, ...old.map(revisionOf)) + 1;

/** The set to create for the Deployment's present template. */
export function newSet(deployment: Deployment, revision: number, replicas: number): ReplicaSet {
  const { metadata, spec, status } = deployment;
  const hash = templateHash(spec.template, status?.collisionCount);
  const labels = { ...spec.template.metadata?.labels, [HASH_LABEL]: hash };
  const { namespace } = metadata;
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      name: `${metadata.name}-${hash}`,
      ...(namespace !== undefined && { namespace }),
      labels,
      annotations: {
        ...inherited(deployment),
        ...sizeAnnotations(deployment),
        [REVISION_ANNOTATION]: String(revision),
      },
      ownerReferences: [controllerReference(DEPLOYMENTS, deployment)],
    },
    spec: {
      replicas,
      ...(spec.minReadySeconds !== undefined && { minReadySeconds: spec.minReadySeconds }),
      selector: {
        ...spec.selector,
        matchLabels: { ...spec.selector.matchLabels, [HASH_LABEL]: hash },
      },
      template: {
        ...spec.template,
        metadata: { ...spec.template.metadata, labels } as NonNullable<PodTemplateSpec['metadata']>,
      },
    },
  };
}

/** The current set as it should be: annotations, revision and minReadySeconds of its Deployment. */
export function renewed(deployment: Deployment, set: ReplicaSet, revision: number): ReplicaSet {
  const annotations = {
    ...set.metadata.annotations,
    ...inherited(deployment),
    ...raisedRevision(set.metadata.annotations ?? {}, revision),
  };
  const { minReadySeconds } = deployment.spec;
  const { minReadySeconds: _, ...spec } = set.spec;
  return {
    ...set,
    metadata: { ...set.metadata, annotations },
    spec: { ...spec, ...(minReadySeconds !== undefined && { minReadySeconds }) },
  };
}

/** The set with another size, and a note of what it was scaled for. */
export const resized = (deployment: Deployment, set: ReplicaSet, replicas: number): ReplicaSet => ({
  ...set,
  metadata: {
    ...set.metadata,
    annotations: { ...set.metadata.annotations, ...sizeAnnotations(deployment) },
  },
  spec: { ...set.spec, replicas },
});

/** Old sets beyond the history limit, oldest revision first; only those that have run dry. */
export function planCleanup({ spec }: Deployment, { old }: Revisions): readonly ReplicaSet[] {
  const limit = spec.revisionHistoryLimit ?? HISTORY_LIMIT_DEFAULT;
  const alive = old.filter((set) => !isDeleting(set));
  const surplus = Math.max(0, alive.length - limit);
  return alive
    .toSorted((a, b) => revisionOf(a) - revisionOf(b) || byAge(a, b))
    .slice(0, surplus)
    .filter(isDry);
}

const isDry = (set: ReplicaSet): boolean =>
  replicasOf(set) === 0 &&
  (set.status?.replicas ?? 0) === 0 &&
  (set.metadata.generation ?? 0) <= (set.status?.observedGeneration ?? 0);

function withoutHash({ metadata, spec }: PodTemplateSpec): unknown {
  const { [HASH_LABEL]: _, ...labels } = metadata?.labels ?? {};
  return { metadata: { ...metadata, labels }, spec };
}

const inherited = ({ metadata }: Deployment): Annotations =>
  Object.fromEntries(
    Object.entries(metadata.annotations ?? {}).filter(([name]) => !OWN_ANNOTATIONS.has(name)),
  );

function sizeAnnotations(deployment: Deployment): Annotations {
  const { replicas, maxSurge } = limitsOf(deployment);
  return {
    [DESIRED_ANNOTATION]: String(replicas),
    [MAX_ANNOTATION]: String(replicas + maxSurge),
  };
}

/** A revision never goes down; the one it replaces is noted in the history. */
function raisedRevision(before: Annotations, revision: number): Annotations {
  const present = Number(before[REVISION_ANNOTATION] ?? 0) || 0;
  if (present >= revision) return {};
  if (present === 0) return { [REVISION_ANNOTATION]: String(revision) };
  const history = [...(before[HISTORY_ANNOTATION]?.split(',') ?? []), String(present)];
  while (history.join(',').length > HISTORY_LENGTH_MAX) history.shift();
  return { [REVISION_ANNOTATION]: String(revision), [HISTORY_ANNOTATION]: history.join(',') };
}
