// One node: watches the pods bound to it and keeps the runtime as they want it.
//
//   pods (API) ──┐
//   engine events ├─► queue of pod uids ─► one worker a pod ─► sync ─► prober
//   timers, probes ┘

import { setMaxListeners } from 'node:events';
import { statfs } from 'node:fs/promises';
import {
  createEventRecorder,
  type EventRecorder,
  type SharedRecorder,
} from '../client/event-recorder.ts';
import { createInformers, type Informers } from '../client/informers.ts';
import type { Informer } from '../client/lister.ts';
import type { Clock } from '../machinery/clock.ts';
import type { Log } from '../machinery/log.ts';
import { WorkQueue } from '../machinery/queue.ts';
import type { Random } from '../machinery/random.ts';
import type { Transport } from '../machinery/transport.ts';
import type { Pod } from '../proto/generated/core.v1.ts';
import { PODS, SERVICES } from '../proto/generated/resources.ts';
import { podEvents } from './events.ts';
import { Gate } from './gate.ts';
import { Images } from './images.ts';
import { NodeHeart } from './node/node.ts';
import { capacityOf, type NodeFacts } from './node/node-object.ts';
import type { DnsSettings } from './pods/hostname.ts';
import type { PodParts } from './pods/parts.ts';
import { Records } from './pods/records.ts';
import { PodSync } from './pods/sync.ts';
import { Prober } from './probes/prober.ts';
import type { Runtime, RuntimeInfo } from './runtime/runtime.ts';
import { Sources } from './sources.ts';
import { Tokens } from './volumes/tokens.ts';
import { Volumes } from './volumes/volumes.ts';

/** Syncs at once. Most wait for the engine, which gets fewer. */
const WORKERS = 32;
/** More in flight make a burst slower, not faster: the engine is short of CPU. */
const STARTS_MAX = 8;
const RESYNC_MS = 60_000;
const RETRY_MS = 250;
const RETRY_MS_MAX = 10_000;

export interface KubeletConfig {
  readonly nodeName: string;
  readonly rootDir: string;
  readonly podCidr: string;
  readonly podsMax: number;
  /** 0: all that the machine has. */
  readonly cpuMilli: number;
  readonly memoryBytes: number;
  readonly dns: DnsSettings;
  /** Of the kubelet's server, as the Node tells it. */
  readonly port: number;
  readonly machineId: string;
  readonly bootId: string;
}

export interface KubeletOptions {
  readonly transport: Transport;
  readonly runtime: Runtime;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly config: KubeletConfig;
  /** Called once the node's address exists: the server may listen on it now. */
  readonly onOpen?: (signal: AbortSignal) => Promise<void>;
  /** Shared by the nodes of one process: then each sees all pods and picks its own. */
  readonly informers?: Informers;
  /** Shared in the same way: a fleet tells its events with two writers, not two a node. */
  readonly recorder?: SharedRecorder;
}

export interface Kubelet {
  readonly nodeName: string;
  readonly runtime: Runtime;
  /** Registered, and its pods are known. */
  readonly isReady: boolean;
  readonly records: Records;
  run(signal: AbortSignal): Promise<void>;
}

export const createKubelet = (options: KubeletOptions): Kubelet => new Node(options);

class Node implements Kubelet {
  readonly nodeName: string;
  readonly runtime: Runtime;
  readonly records: Records;
  readonly #options: KubeletOptions;
  readonly #queue: WorkQueue;
  readonly #heart: NodeHeart;
  readonly #recorder: EventRecorder;
  readonly #informers: Informers;
  readonly #pods: Informer<Pod>;
  #info: RuntimeInfo | undefined;
  #isCaughtUp = false;

  constructor(options: KubeletOptions) {
    const { transport, clock, random, log, config, runtime } = options;
    this.#options = options;
    this.nodeName = config.nodeName;
    this.runtime = runtime;
    this.records = new Records(runtime);
    this.#queue = new WorkQueue({
      clock,
      baseDelayMs: RETRY_MS,
      retryDelayMsMax: RETRY_MS_MAX,
      onError: (uid, error, failures) =>
        log.warn('a pod could not be synced', { uid, failures, error }),
    });
    const host = config.nodeName;
    const component = 'kubelet';
    this.#recorder =
      options.recorder?.of(host) ??
      createEventRecorder({ transport, component, host, clock, random, log });
    this.#informers = options.informers ?? createInformers({ transport, clock, random, log });
    const query = { fieldSelector: `spec.nodeName=${config.nodeName}` };
    this.#pods = this.#informers.of(PODS, options.informers ? {} : { query });
    this.#heart = new NodeHeart({ transport, clock, log, facts: () => this.#facts() });
  }

  get isReady(): boolean {
    return this.#isCaughtUp && this.#heart.isRegistered;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { runtime } = this;
    const stop = new AbortController();
    const both = AbortSignal.any([signal, stop.signal]);
    setMaxListeners(0, both); // Each watch and loop listens: many is no leak.
    await runtime.open();
    await this.#options.onOpen?.(both);
    const allocatable = capacityOf(await this.#facts());
    const parts = this.#parts(allocatable, both);
    const prober = new Prober({ ...parts, wake: (uid) => this.#queue.add(uid) });
    const tasks = [
      this.#heart.run(both),
      this.#recorder.run(both),
      ...(this.#options.informers ? [] : [this.#informers.run(both)]),
      this.#work(parts, prober, both),
      this.#followEngine(both),
      runtime.maintain(both),
    ];
    try {
      await Promise.all(tasks);
    } finally {
      stop.abort();
      await Promise.allSettled(tasks);
      prober.close();
      parts.sources.close();
    }
  }

  #parts(allocatable: Readonly<Record<string, string>>, signal: AbortSignal): PodParts {
    const { transport, clock, random, log, config } = this.#options;
    const { runtime } = this;
    const onChange = (uid: string): void => {
      const record = this.records.get(uid);
      if (record) record.areFilesFresh = false;
      this.#queue.add(uid);
    };
    return {
      transport,
      runtime,
      clock,
      log,
      events: podEvents(this.#recorder),
      images: new Images({ runtime, clock, signal, onDone: (uid) => this.#queue.add(uid) }),
      volumes: new Volumes({
        root: config.rootDir,
        tokens: new Tokens(transport, clock),
        clock,
        random,
      }),
      sources: new Sources({ transport, clock, random, log, onChange }),
      services: this.#informers.of(SERVICES),
      starts: new Gate(STARTS_MAX),
      dns: config.dns,
      allocatable,
      wake: (uid, delayMs = 0) => this.#queue.addAfter(uid, delayMs),
    };
  }

  async #work(parts: PodParts, prober: Prober, signal: AbortSignal): Promise<void> {
    const sync = new PodSync(parts, this.records);
    await this.records.observe(await this.runtime.list());
    // Only now, with both sides known, is a container without a pod an orphan.
    await this.#informers.synced(signal).catch(() => {});
    if (signal.aborted) return;
    this.#watchPods();
    await this.#removeLeftovers(parts);
    this.#isCaughtUp = true;
    for (const { ref } of this.records.all()) this.#queue.add(ref.uid);
    await this.#queue.run(
      WORKERS,
      async (uid) => {
        const record = this.records.get(uid);
        if (!record) return;
        try {
          await sync.reconcile(uid);
        } finally {
          prober.attend(record);
        }
      },
      signal,
    );
  }

  #watchPods(): void {
    const see = (pod: Pod): void => {
      if (pod.spec.nodeName !== this.nodeName) return;
      const { uid } = this.records.seePod(pod).ref;
      if (this.#isCaughtUp) this.#queue.add(uid);
    };
    for (const pod of this.#pods.list()) see(pod);
    this.#pods.onChange((change) => {
      if (change.type !== 'deleted') return see(change.object);
      if (change.object.spec.nodeName !== this.nodeName) return;
      const uid = change.object.metadata.uid ?? '';
      this.records.losePod(uid);
      this.#queue.add(uid);
    });
  }

  /** Folders of pods that went while this kubelet was away. */
  async #removeLeftovers({ volumes }: PodParts): Promise<void> {
    if (this.runtime.isSimulated) return;
    for (const uid of await volumes.present()) {
      if (!this.records.get(uid)) await volumes.remove(uid);
    }
  }

  async #followEngine(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#options;
    const resync = async (): Promise<void> => {
      await this.records.observe(await this.runtime.list());
      for (const { ref } of this.records.all()) this.#queue.add(ref.uid);
    };
    const warn = (error: unknown): void => {
      if (!signal.aborted) log.warn('the engine could not be asked', { error });
    };
    const net = async (): Promise<void> => {
      while (!signal.aborted) {
        await clock.sleep(RESYNC_MS, signal).catch(() => {});
        if (!signal.aborted && this.#isCaughtUp) await resync().catch(warn);
      }
    };
    const events = async (): Promise<void> => {
      for await (const event of this.runtime.events(signal)) {
        if (event.type === 'gap') await resync().catch(warn);
        else {
          await this.records.follow(event).catch(warn);
          if (this.#isCaughtUp) this.#queue.add(event.podUid);
        }
      }
    };
    await Promise.all([net(), events()]);
  }

  async #facts(): Promise<NodeFacts> {
    const { config } = this.#options;
    const info = this.#info ?? (await this.runtime.info());
    this.#info = info;
    const images = await this.runtime.images().catch(() => undefined);
    return {
      name: config.nodeName,
      ip: this.runtime.nodeIp,
      port: config.port,
      podCidr: config.podCidr,
      podsMax: config.podsMax,
      cpuMilli: config.cpuMilli || info.cpus * 1000,
      memoryBytes: config.memoryBytes || info.memoryBytes,
      storageBytes: await storageOf(this.runtime, config.rootDir),
      machineId: config.machineId,
      bootId: config.bootId,
      runtime: info,
      images: images ?? [],
      ...(!images && { trouble: 'container runtime is down' }),
    };
  }
}

async function storageOf(runtime: Runtime, path: string): Promise<number> {
  if (runtime.isSimulated) return 100 * 1024 ** 3;
  const { blocks, bsize } = await statfs(path);
  return blocks * bsize;
}
