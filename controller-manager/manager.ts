// The controller manager: all controllers over one set of caches, while this process leads.
//
//   lead ─► caches ─► controllers
//              └────► discovery ─► caches of metadata ─► garbage collector

import { setMaxListeners } from 'node:events';
import { createEventRecorder, type EventRecorder } from '../client/event-recorder.ts';
import { createInformers, type Informers } from '../client/informers.ts';
import { runAsLeader } from '../client/leader-election.ts';
import type { Clock } from '../machinery/clock.ts';
import type { Log } from '../machinery/log.ts';
import { type Metrics, noMetrics } from '../machinery/metrics.ts';
import type { Random } from '../machinery/random.ts';
import type { Transport } from '../machinery/transport.ts';
import { EVENTS } from '../proto/generated/resources.ts';
import { type Caches, createCaches, metadataOf } from './caches.ts';
import type { Controller } from './controller.ts';
import { accountTokenController } from './controllers/account-tokens.ts';
import { deploymentController } from './controllers/deployment.ts';
import { endpointsController } from './controllers/endpoints.ts';
import { endpointSliceController } from './controllers/endpointslice.ts';
import { endpointSliceMirror } from './controllers/endpointslice-mirror.ts';
import { garbageCollector } from './controllers/garbage-collector.ts';
import { namespaceController } from './controllers/namespace.ts';
import { nodeLifecycleController } from './controllers/node-lifecycle.ts';
import { podGarbageController } from './controllers/pod-gc.ts';
import { replicaSetController } from './controllers/replicaset.ts';
import { rootCaController } from './controllers/root-ca.ts';
import { serviceAccountController } from './controllers/service-account.ts';
import { taintEvictionController } from './controllers/taint-eviction.ts';
import { createEngine, type Engine } from './engine.ts';
import type { RecordEvent } from './events.ts';
import { type ServedResources, servedResources } from './served-resources.ts';

const DISCOVERY = 'everything';

export interface ManagerConfig {
  /** Absent: lead without asking. */
  readonly election?: {
    readonly namespace: string;
    readonly name: string;
    readonly identity: string;
  };
  /** PEM of the cluster's authority, published in every namespace; empty: published by others. */
  readonly rootCa: string;
  readonly nodeGraceMs: number;
  readonly nodeStartupGraceMs: number;
  /** So many finished pods are kept. */
  readonly finishedPodsMax: number;
}

export interface ManagerOptions {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly metrics?: Metrics;
  readonly config: ManagerConfig;
}

export interface ControllerManager {
  /** Runs until aborted. */
  run(signal: AbortSignal): Promise<void>;
  /** Leads with synced caches, or stands by. */
  readonly isReady: boolean;
}

export const DEFAULT_CONFIG: ManagerConfig = {
  rootCa: '',
  nodeGraceMs: 40_000,
  nodeStartupGraceMs: 60_000,
  finishedPodsMax: 12_500,
};

interface Term extends ManagerOptions {
  readonly engine: Engine;
  readonly informers: Informers;
  readonly caches: Caches;
  readonly served: ServedResources;
  readonly recorders: Recorders;
}

/** One per controller that tells something: `kubectl describe` shows who said it. */
type Recorders = Readonly<Record<'deployment' | 'replicaSet' | 'node' | 'taint', EventRecorder>>;

export function createControllerManager(options: ManagerOptions): ControllerManager {
  const { transport, clock, random, log, metrics = noMetrics, config } = options;
  const engine = createEngine({ clock, log, metrics });
  let informers: Informers | undefined;

  const lead = async (signal: AbortSignal) => {
    // One signal ends every watch, queue and wait of the term: that many listeners are no leak.
    setMaxListeners(0, signal);
    informers = createInformers({ transport, clock, random, log });
    const caches = createCaches(informers);
    const served = servedResources(transport);
    const recorders = recordersOf(options);
    const term: Term = { ...options, engine, informers, caches, served, recorders };
    try {
      await Promise.all([
        informers.run(signal),
        engine.run(controllersOf(term, signal), signal),
        ...Object.values(recorders).map((recorder) => recorder.run(signal)),
      ]);
    } finally {
      informers = undefined;
    }
  };

  return {
    async run(signal) {
      const { election } = config;
      if (election === undefined) return lead(signal);
      return runAsLeader({ ...election, transport, clock, random, log }, lead, signal);
    },
    get isReady() {
      return informers === undefined || informers.isSynced;
    },
  };
}

function controllersOf(term: Term, signal: AbortSignal): readonly Controller[] {
  const { caches, config, recorders } = term;
  const { pods, replicaSets: sets } = caches;
  const deps = { ...term, ...caches, sets };
  const { nodeGraceMs: graceMs, nodeStartupGraceMs: startupGraceMs } = config;
  const { finishedPodsMax, rootCa } = config;
  return [
    deploymentController({ ...deps, record: tell(recorders.deployment) }),
    replicaSetController({ ...deps, record: tell(recorders.replicaSet) }),
    endpointSliceController(deps),
    endpointsController(deps),
    endpointSliceMirror(deps),
    namespaceController(deps),
    nodeLifecycleController({ ...deps, graceMs, startupGraceMs, record: tell(recorders.node) }),
    taintEvictionController({ ...deps, record: tell(recorders.taint) }),
    podGarbageController({ ...deps, pods, finishedPodsMax }),
    serviceAccountController(deps),
    ...(rootCa === ''
      ? []
      : [rootCaController({ ...deps, rootCa }), accountTokenController({ ...deps, rootCa })]),
    discovery(term, signal),
  ];
}

const tell =
  (recorder: EventRecorder): RecordEvent =>
  (...event) =>
    recorder.event(...event);

function recordersOf(options: ManagerOptions): Recorders {
  const recorder = (component: string) => createEventRecorder({ ...options, component });
  return {
    deployment: recorder('deployment-controller'),
    replicaSet: recorder('replicaset-controller'),
    node: recorder('node-controller'),
    taint: recorder('taint-eviction-controller'),
  };
}

/**
 * The garbage collector watches whatever the server serves, which has to be asked first. Asking is
 * a controller of one key: when the server is not there yet, its queue tries again.
 */
function discovery(term: Term, signal: AbortSignal): Controller {
  const { engine, informers, served, transport, log } = term;
  let isStarted = false;
  return {
    name: 'discovery',
    workers: 1,
    sources: [],
    initialKeys: [DISCOVERY],
    async reconcile() {
      if (isStarted) return undefined;
      const resources = await served.all();
      const watched = resources
        .filter(({ plural }) => plural !== EVENTS.plural) // They own nothing, and they are many.
        .map((resource) => ({ resource, informer: metadataOf(informers, resource) }));
      isStarted = true;
      void engine
        .run([garbageCollector({ watched, transport, log })], signal)
        .catch((error: unknown) => log.error('the garbage collector ended', { error }));
      return undefined;
    },
  };
}
