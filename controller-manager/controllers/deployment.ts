// Deployment: roll a pod template out by growing one ReplicaSet and shrinking the others.
//
//   Deployment change ─► its own key
//   ReplicaSet change ─► the Deployment that controls it; an orphan wakes those that select it
//   Pod ends ──────────► the Deployment of its set: Recreate waits for it
//   reconcile            claim sets → revisions → plan (pure) → act → report

import type { Informer } from '../../client/lister.ts';
import type { Clock } from '../../machinery/clock.ts';
import { deepEqual } from '../../machinery/equality.ts';
import { hasReason, StatusError } from '../../machinery/errors.ts';
import { selectorOf } from '../../machinery/labels.ts';
import { controllerOf, isDeleting, keyOf } from '../../machinery/object.ts';
import type { Transport } from '../../machinery/transport.ts';
import type { Deployment, DeploymentStatus, ReplicaSet } from '../../proto/generated/apps.v1.ts';
import type { Pod } from '../../proto/generated/core.v1.ts';
import { DEPLOYMENTS, REPLICA_SETS } from '../../proto/generated/resources.ts';
import { type Controller, changeSource, type Key, source } from '../controller.ts';
import type { RecordEvent } from '../events.ts';
import { CATCH_UP, OwnWrites } from '../own-writes.ts';
import { BY_CONTROLLER, claim, orphansOf } from '../ownership.ts';
import { controllerKeys, isFinished } from '../pods.ts';
import {
  isSameTemplate,
  newSet,
  nextRevision,
  planCleanup,
  REVISION_ANNOTATION,
  renewed,
  resized,
  revisionOf,
  revisionsOf,
} from './deployment-revisions.ts';
import { planRollout, type Revisions, replicasOf } from './deployment-rollout.ts';
import {
  type CurrentSetNews,
  deploymentStatus,
  isComplete,
  msUntilDeadline,
} from './deployment-status.ts';

const WORKERS = 5;

export interface DeploymentDependencies {
  readonly deployments: Informer<Deployment>;
  /** Indexed by controller (`BY_CONTROLLER`). */
  readonly sets: Informer<ReplicaSet>;
  /** Indexed by controller (`BY_CONTROLLER`). */
  readonly pods: Informer<Pod>;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly record: RecordEvent;
}

interface Act extends DeploymentDependencies {
  readonly key: Key;
  readonly writes: OwnWrites<ReplicaSet>;
}

export function deploymentController(deps: DeploymentDependencies): Controller {
  const { deployments, sets, pods, clock, record } = deps;
  const writes = new OwnWrites(sets, clock);

  return {
    name: 'deployment',
    workers: WORKERS,
    sources: [
      source(deployments, (deployment) => [keyOf(deployment)]),
      source(sets, (set) => keysOfSet(set, deployments)),
      changeSource(pods, ({ type, object }) =>
        type === 'deleted' || isFinished(object) ? keysOfPod(object, sets) : [],
      ),
    ],

    async reconcile(key) {
      const deployment = deployments.get(key);
      if (deployment === undefined) {
        writes.forget(key);
        return undefined;
      }
      if (selectorOf(deployment.spec.selector).isEverything) {
        const why = 'This deployment is selecting all pods. A non-empty selector is required.';
        record(deployment, 'Warning', 'SelectingAll', why);
        return undefined;
      }
      if (!writes.caughtUp(key)) return CATCH_UP;
      const revisions = revisionsOf(deployment, await claimSets(deps, deployment));
      const act = { ...deps, key, writes };
      const news = isDeleting(deployment) ? undefined : await rollOut(act, deployment, revisions);
      const nowMs = clock.now();
      const status = deploymentStatus({ deployment, revisions, news, nowMs });
      await report(deps, { deployment, revisions, status });
      if (news?.type === 'refused') throw new StatusError('InternalError', news.message);
      if (isComplete(deployment, status) || deployment.spec.paused) {
        await cleanUp(act, deployment, revisions);
      }
      const delayMs = msUntilDeadline(deployment, status, nowMs);
      return delayMs === undefined ? undefined : { requeueAfterMs: delayMs };
    },
  };
}

const claimSets = ({ transport, sets }: DeploymentDependencies, deployment: Deployment) =>
  claim({
    transport,
    ownerResource: DEPLOYMENTS,
    owner: deployment,
    resource: REPLICA_SETS,
    selector: selectorOf(deployment.spec.selector),
    candidates: [
      ...sets.byIndex(BY_CONTROLLER, deployment.metadata.uid ?? ''),
      ...sets.byIndex(BY_CONTROLLER, orphansOf(deployment.metadata.namespace)),
    ],
  });

/** One write per set: new size, annotations and revision together, at the revision seen. */
async function rollOut(
  act: Act,
  deployment: Deployment,
  revisions: Revisions,
): Promise<CurrentSetNews> {
  const plan = planRollout(deployment, revisions, hasOldPods(act, revisions));
  const revision = nextRevision(revisions);
  const wanted = new Map<ReplicaSet, ReplicaSet>();
  const { current } = revisions;
  if (current !== undefined) wanted.set(current, renewed(deployment, current, revision));
  for (const { set, replicas } of plan.scales) {
    wanted.set(set, resized(deployment, wanted.get(set) ?? set, replicas));
  }
  // Growth first: a refused creation must not be found after the old pods have gone.
  const news =
    plan.create === undefined
      ? undefined
      : await createSet(act, deployment, newSet(deployment, revision, plan.create));
  if (news?.type === 'refused') return news;
  for (const [before, after] of wanted) await updateSet(act, deployment, { before, after });
  return news;
}

async function createSet(act: Act, deployment: Deployment, draft: ReplicaSet) {
  const { transport, writes, key, record } = act;
  const { name } = draft.metadata;
  try {
    writes.wrote(key, await transport.create(REPLICA_SETS, draft));
    if (replicasOf(draft) > 0) {
      const message = `Scaled up replica set ${name} from 0 to ${replicasOf(draft)}`;
      record(deployment, 'Normal', 'ScalingReplicaSet', message);
    }
    return { type: 'created', name } as const;
  } catch (error) {
    if (hasReason(error, 'AlreadyExists')) return resolveCollision(act, deployment, draft);
    if (!(error instanceof StatusError)) throw error;
    const message = `Failed to create new replica set "${name}": ${error.message}`;
    record(deployment, 'Warning', 'ReplicaSetCreateError', message);
    return { type: 'refused', message } as const;
  }
}

/** The name is taken: by our own set that the cache has yet to show, or the hashes collide. */
async function resolveCollision(
  { transport, deployments }: Act,
  deployment: Deployment,
  draft: ReplicaSet,
): Promise<CurrentSetNews> {
  const taken = await transport.get(REPLICA_SETS, draft.metadata);
  const isOurs = controllerOf(taken)?.uid === deployment.metadata.uid;
  if (isOurs && isSameTemplate(taken.spec.template, deployment.spec.template)) return undefined;
  const latest = deployments.get(keyOf(deployment)) ?? deployment;
  const collisionCount = (latest.status?.collisionCount ?? 0) + 1;
  const status = { ...latest.status, collisionCount };
  await transport.update(DEPLOYMENTS, { ...latest, status }, { subresource: 'status' });
  const why = `name ${draft.metadata.name} is taken by another replica set, will use another hash`;
  throw new StatusError('Conflict', why);
}

async function updateSet(
  { transport, writes, key, record }: Act,
  deployment: Deployment,
  { before, after }: { readonly before: ReplicaSet; readonly after: ReplicaSet },
): Promise<void> {
  const isSame =
    deepEqual(before.spec, after.spec) &&
    deepEqual(before.metadata.annotations, after.metadata.annotations);
  if (isSame) return;
  writes.wrote(key, await transport.update(REPLICA_SETS, after));
  const [from, to] = [replicasOf(before), replicasOf(after)];
  if (from === to) return;
  const way = to > from ? 'up' : 'down';
  const message = `Scaled ${way} replica set ${before.metadata.name} from ${from} to ${to}`;
  record(deployment, 'Normal', 'ScalingReplicaSet', message);
}

const hasOldPods = ({ pods }: Act, { old }: Revisions): boolean =>
  old.some((set) =>
    pods.byIndex(BY_CONTROLLER, set.metadata.uid ?? '').some((pod) => !isFinished(pod)),
  );

/** The revision of the current set is the Deployment's own: `kubectl rollout history` asks it. */
async function report(
  { transport }: DeploymentDependencies,
  {
    deployment,
    revisions,
    status,
  }: {
    readonly deployment: Deployment;
    readonly revisions: Revisions;
    readonly status: DeploymentStatus;
  },
): Promise<void> {
  let latest = deployment;
  const { current } = revisions;
  const number = current && Math.max(revisionOf(current), nextRevision(revisions));
  const revision = number === undefined ? undefined : String(number);
  const noted = deployment.metadata.annotations?.[REVISION_ANNOTATION];
  if (revision !== undefined && revision !== noted && !isDeleting(deployment)) {
    const { uid, resourceVersion } = deployment.metadata;
    const annotations = { [REVISION_ANNOTATION]: revision };
    latest = await transport.patch(DEPLOYMENTS, deployment.metadata, {
      type: 'merge',
      body: { metadata: { uid, resourceVersion, annotations } },
    });
  }
  if (deepEqual(deployment.status, status)) return;
  await transport.update(DEPLOYMENTS, { ...latest, status }, { subresource: 'status' });
}

async function cleanUp(
  { transport, writes, key }: Act,
  deployment: Deployment,
  revisions: Revisions,
): Promise<void> {
  for (const set of planCleanup(deployment, revisions)) {
    const { uid, resourceVersion } = set.metadata;
    try {
      const preconditions = { uid, resourceVersion };
      await transport.delete(REPLICA_SETS, set.metadata, { preconditions });
      writes.removed(key, set);
    } catch (error) {
      if (!hasReason(error, 'NotFound')) throw error;
    }
  }
}

function keysOfSet(set: ReplicaSet, deployments: Informer<Deployment>): readonly Key[] {
  if (controllerOf(set) !== undefined) return controllerKeys(set, DEPLOYMENTS);
  return deployments
    .list(set.metadata.namespace)
    .filter(({ spec }) => selectorOf(spec.selector).matches(set.metadata.labels))
    .map(keyOf);
}

function keysOfPod(pod: Pod, sets: Informer<ReplicaSet>): readonly Key[] {
  return controllerKeys(pod, REPLICA_SETS).flatMap((key) => {
    const set = sets.get(key);
    return set === undefined ? [] : controllerKeys(set, DEPLOYMENTS);
  });
}
