// A cluster without machines: the API in process, the controller manager, and a kubelet of a few
// lines that binds every pod, runs it and ends it at once.

import {
  createControllerManager,
  DEFAULT_CONFIG,
  type ManagerConfig,
} from '../../controller-manager/manager.ts';
import { systemClock, timestampOf } from '../../machinery/clock.ts';
import { hasReason, StatusError } from '../../machinery/errors.ts';
import { type Log, silentLog } from '../../machinery/log.ts';
import { isDeleting } from '../../machinery/object.ts';
import { systemRandom } from '../../machinery/random.ts';
import type { At, Transport } from '../../machinery/transport.ts';
import type { Deployment } from '../../proto/generated/apps.v1.ts';
import type { Node, Pod } from '../../proto/generated/core.v1.ts';
import { NODES, PODS } from '../../proto/generated/resources.ts';
import type { ApiObject, Resource } from '../../proto/resource.ts';
import { startInProcessApi } from '../in-process-api.ts';

const POLL_MS = 10;
const WAIT_MAX_MS = 15_000;
export const NODE = 'n1';

export interface ControllerCluster {
  readonly transport: Transport;
  /** What the kubelet is told: images that never become ready. */
  readonly broken: Set<string>;
  /** Nodes whose kubelet does nothing any more. */
  readonly dead: Set<string>;
  /** How long the next pod takes to become ready. */
  readyAfterMs: () => number;
  find<T extends ApiObject>(resource: Resource<T>, at: At): Promise<T | undefined>;
  list<T extends ApiObject>(resource: Resource<T>, namespace?: string): Promise<readonly T[]>;
  /** Ends the present one, starts another that speaks through this. */
  restartManager(through?: Transport): Promise<void>;
  close(): Promise<void>;
}

export async function startControllerCluster(
  config: Partial<ManagerConfig> = {},
  log: Log = silentLog,
): Promise<ControllerCluster> {
  const api = await startInProcessApi({ hasDefaultAccount: false });
  const { transport } = api;
  const stop = new AbortController();
  const startManager = (through: Transport) => {
    const end = new AbortController();
    const manager = createControllerManager({
      transport: through,
      clock: systemClock,
      random: systemRandom,
      log,
      config: { ...DEFAULT_CONFIG, rootCa: 'PEM', ...config },
    });
    return { end, running: manager.run(end.signal) };
  };
  let manager = startManager(transport);
  const broken = new Set<string>();
  const dead = new Set<string>();
  await transport.create(NODES, readyNode(NODE));
  const pace = { readyAfterMs: () => 0 };
  const kubelet = runKubelet({ transport, broken, dead, pace }, stop.signal);
  return {
    transport,
    broken,
    dead,
    get readyAfterMs() {
      return pace.readyAfterMs;
    },
    set readyAfterMs(draw) {
      pace.readyAfterMs = draw;
    },
    async find(resource, at) {
      try {
        return await transport.get(resource, at);
      } catch (error) {
        if (hasReason(error, 'NotFound')) return undefined;
        throw error;
      }
    },
    list: async (resource, namespace) => (await transport.list(resource, { namespace })).items,
    async restartManager(through = transport) {
      manager.end.abort();
      await manager.running;
      manager = startManager(through);
    },
    async close() {
      stop.abort();
      manager.end.abort();
      await Promise.all([manager.running, kubelet]);
      await api.close();
    },
  };
}

/**
 * The same API; somebody looks on, and is told `verb resource name` of each write (the namespace's
 * name for what lives in one). Events are left out: they tell, they change nothing.
 */
export function watched(transport: Transport, onWrite: (write: string) => void): Transport {
  const note = (verb: string, { plural }: Resource, { namespace, name }: At) => {
    if (plural !== 'events') onWrite(`${verb} ${plural} ${namespace ?? name}`);
  };
  return {
    ...transport,
    create(resource, object, options) {
      note('create', resource, (object as ApiObject).metadata);
      return transport.create(resource, object, options);
    },
    update(resource, object, options) {
      note('update', resource, object.metadata);
      return transport.update(resource, object, options);
    },
    patch(resource, at, patch, options) {
      note('patch', resource, at);
      return transport.patch(resource, at, patch, options);
    },
    delete(resource, at, options) {
      note('delete', resource, at);
      return transport.delete(resource, at, options);
    },
  };
}

/** Polls until the answer is not undefined, null or false; fails loudly after a while. */
export async function eventually<T>(
  what: string,
  ask: () => Promise<T> | T,
): Promise<Exclude<T, undefined | null | false>> {
  const endMs = systemClock.now() + WAIT_MAX_MS;
  let last: unknown;
  while (systemClock.now() < endMs) {
    try {
      const answer = await ask();
      if (answer !== undefined && answer !== null && answer !== false) {
        return answer as Exclude<T, undefined | null | false>;
      }
    } catch (error) {
      last = error;
    }
    await systemClock.sleep(POLL_MS);
  }
  throw new Error(`never came true: ${what}`, { cause: last });
}

export const readyNode = (name: string): Node => ({
  metadata: { name, labels: { 'topology.kubernetes.io/zone': 'z1' } },
  spec: {},
  status: {
    conditions: [
      { type: 'Ready', status: 'True', lastHeartbeatTime: timestampOf(systemClock.now()) },
    ],
  },
});

export const deploymentOf = (
  name: string,
  image: string,
  spec: Partial<Deployment['spec']> = {},
): Deployment => ({
  metadata: { name, namespace: 'default' },
  spec: {
    replicas: 3,
    selector: { matchLabels: { app: name } },
    template: {
      metadata: { name: '', labels: { app: name } },
      spec: {
        containers: [{ name: 'main', image, ports: [{ name: 'http', containerPort: 8080 }] }],
        terminationGracePeriodSeconds: 1,
      },
    },
    ...spec,
  },
});

interface Kubelet {
  readonly transport: Transport;
  readonly broken: ReadonlySet<string>;
  readonly dead: ReadonlySet<string>;
  readonly pace: Pick<ControllerCluster, 'readyAfterMs'>;
}

async function runKubelet(kubelet: Kubelet, signal: AbortSignal): Promise<void> {
  const pods = kubelet.transport.watch(PODS, { sendInitialEvents: true }, signal);
  let count = 0;
  try {
    for await (const event of pods) {
      if (event.type === 'BOOKMARK' || event.type === 'DELETED') continue;
      count++;
      const ip = `10.1.${count >> 8}.${count & 255}`;
      void sync(kubelet, event.object, ip).catch((error: unknown) => {
        if (!hasReason(error, 'NotFound', 'Conflict') && !signal.aborted) throw error;
      });
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

async function sync(
  { transport, broken, dead, pace }: Kubelet,
  pod: Pod,
  ip: string,
): Promise<void> {
  const { metadata, spec } = pod;
  if (dead.has(spec.nodeName ?? '')) return;
  if (isDeleting(pod)) {
    return transport.delete(PODS, metadata, { gracePeriodSeconds: 0 });
  }
  if (!spec.nodeName) return dead.has(NODE) ? undefined : transport.bind(metadata, NODE);
  if (pod.status?.podIP || broken.has(spec.containers[0]?.image ?? '')) return;
  const delayMs = pace.readyAfterMs();
  if (delayMs > 0) await systemClock.sleep(delayMs);
  const lastTransitionTime = timestampOf(systemClock.now());
  const conditions = [{ type: 'Ready', status: 'True', lastTransitionTime }];
  const body = { status: { phase: 'Running', podIP: ip, podIPs: [{ ip }], conditions } };
  await transport.patch(PODS, metadata, { type: 'strategic', body }, { subresource: 'status' });
}

/** The same API over a bad line: a write fails now and then, half of the time after it was done. */
export function flaky(transport: Transport, fails: () => boolean): Transport {
  const lost = () => new StatusError('ServiceUnavailable', 'the line is bad');
  const over = async <T>(write: () => Promise<T>): Promise<T> => {
    if (fails()) throw lost();
    const answer = await write();
    if (fails()) throw lost();
    return answer;
  };
  return {
    ...transport,
    get: (resource, at, signal) => over(() => transport.get(resource, at, signal)),
    create: (resource, object, options) => over(() => transport.create(resource, object, options)),
    update: (resource, object, options) => over(() => transport.update(resource, object, options)),
    patch: (resource, at, patch, options) =>
      over(() => transport.patch(resource, at, patch, options)),
    delete: (resource, at, options) => over(() => transport.delete(resource, at, options)),
  };
}
