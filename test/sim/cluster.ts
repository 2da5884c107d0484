// The whole cluster in one process under a seed: real API server, scheduler, controllers and
// kubelets; simulated time, network, store and container engines. The same seed gives the same run.
//
//   store ◄─ apiserver ◄─ network ─┬─ scheduler-1..  manager-1..  proxy
//                                  └─ kubelet-n1..  (on machines that can lose power)

import { createInformers, type Informers } from '../../client/informers.ts';
import { createControllerManager, DEFAULT_CONFIG } from '../../controller-manager/manager.ts';
import { hasReason, invariant } from '../../machinery/errors.ts';
import type { Transport } from '../../machinery/transport.ts';
import { ENDPOINT_SLICES, SERVICES } from '../../proto/generated/resources.ts';
import { createSchedulerComponent } from '../../scheduler/component.ts';
import { defaultProfile } from '../../scheduler/profile.ts';
import { watchInvariants } from './checkers.ts';
import { FakeClock } from './fake-clock.ts';
import { History } from './history.ts';
import { type Server, SimNetwork } from './network.ts';
import { SeededRandom } from './seeded-random.ts';
import { runApiServer } from './sim-api.ts';
import { SimLog } from './sim-log.ts';
import { SimNode } from './sim-node.ts';
import { SimProcess } from './sim-process.ts';
import { SimStore } from './sim-store.ts';
import { Witness } from './witness.ts';

export interface SimOptions {
  readonly seed: number;
  readonly nodes?: number;
  readonly schedulers?: number;
  /** Schedulers that know nothing of each other, instead of one leader. */
  readonly areRivals?: boolean;
  /** Which pods each scheduler cares for; absent: all care for the same. */
  readonly schedulerNames?: readonly string[];
  readonly managers?: number;
}

const START_MS = Date.UTC(2026, 0, 1);
/** Between two looks at a condition. */
const LOOK_MS = 200;
const RETRY_MS = 300;

interface Component {
  process: SimProcess | undefined;
  readonly run: (process: SimProcess) => Promise<void>;
}

export class SimCluster {
  readonly seed: number;
  readonly clock = new FakeClock(START_MS);
  readonly history: History;
  readonly store: SimStore;
  readonly network: SimNetwork;
  readonly nodes: readonly SimNode[];
  readonly log: SimLog;
  readonly witness: Witness;
  readonly violations: string[] = [];
  /** Bound pods may exceed a node only where schedulers do not know of each other's bindings. */
  isBindingExact: boolean;
  readonly #components = new Map<string, Component>();
  #starts = 0;
  #server: Server | undefined;
  #proxy: Informers | undefined;

  constructor(options: SimOptions) {
    const { seed, nodes = 3, managers = 1, schedulerNames, areRivals = false } = options;
    const { schedulers = schedulerNames?.length ?? 1 } = options;
    this.seed = seed;
    this.isBindingExact = !areRivals;
    const complain = (violation: string) => {
      this.log.say(`VIOLATION ${violation}`);
      this.violations.push(violation);
    };
    this.log = new SimLog(this.clock, complain);
    const { clock } = this;
    this.history = new History(complain);
    this.store = new SimStore(clock, this.random('store'), this.history);
    this.witness = new Witness(this.history, complain);
    const { witness, log } = this;
    const random = this.random('network');
    this.network = new SimNetwork({ clock, random, witness, log, server: () => this.#server });
    watchInvariants(this.history, {
      complain,
      isBindingExact: () => this.isBindingExact,
      hasLostPower: (name) => this.node(name).outages > 0,
    });
    this.nodes = numbered(nodes).map(
      (index) => new SimNode(index, { clock, random: this.random(`n${index}`) }),
    );
    this.#add('apiserver', (process) => this.#runApiServer(process));
    for (const index of numbered(managers)) {
      this.#add(`manager-${index}`, (process) => this.#runManager(process));
    }
    for (const index of numbered(schedulers)) {
      const schedulerName = schedulerNames?.[index - 1] ?? 'default-scheduler';
      this.#add(`scheduler-${index}`, (process) =>
        this.#runScheduler(process, { isAlone: areRivals, schedulerName }),
      );
    }
    this.#add('proxy', (process) => this.#runProxy(process));
    for (const node of this.nodes) {
      this.#add(`kubelet-${node.name}`, (process) =>
        node.runKubelet(process, this.network.transportOf(process), this.log.of(process.name)),
      );
    }
  }

  get components(): readonly string[] {
    return [...this.#components.keys()];
  }

  /** What the proxy knows; it writes no rules here. */
  get proxy(): Informers | undefined {
    return this.#proxy;
  }

  isRunning(name: string): boolean {
    return this.#componentOf(name).process !== undefined;
  }

  /** Does nothing when it runs already, or has no machine to run on. */
  start(name: string): void {
    const component = this.#componentOf(name);
    const hasPower = this.nodes.every((node) => node.isOn || name !== `kubelet-${node.name}`);
    if (component.process !== undefined || !hasPower) return;
    const process = new SimProcess(name, this.clock);
    component.process = process;
    this.log.say(`START ${name}`);
    component.run(process).catch((error: unknown) => {
      const text = error instanceof Error ? error.stack : String(error);
      this.violations.push(`${name} ended: ${text}`);
    });
  }

  startAll(): void {
    for (const name of this.components) this.start(name);
  }

  /** As `kill -9`. */
  crash(name: string): void {
    const component = this.#componentOf(name);
    if (component.process === undefined) return;
    this.log.say(`CRASH ${name}`);
    component.process.kill();
    component.process = undefined;
    if (name === 'apiserver') this.#server = undefined;
    if (name === 'proxy') this.#proxy = undefined;
  }

  node(name: string): SimNode {
    const node = this.nodes.find((one) => one.name === name);
    invariant(node !== undefined, `no node ${name}`);
    return node;
  }

  powerOff(nodeName: string): void {
    this.log.say(`POWER OFF ${nodeName}`);
    this.crash(`kubelet-${nodeName}`);
    this.node(nodeName).powerOff();
  }

  powerOn(nodeName: string): void {
    this.log.say(`POWER ON ${nodeName}`);
    this.node(nodeName).powerOn();
    this.start(`kubelet-${nodeName}`);
  }

  /** Lets time pass; throws at the first violation. */
  async run(durationMs: number): Promise<void> {
    const endMs = this.clock.now() + durationMs;
    while (this.clock.now() < endMs) {
      await this.clock.advance(Math.min(LOOK_MS, endMs - this.clock.now()));
      this.check();
    }
  }

  /** Lets time pass until nothing is missing any more: `missing` answers what is. */
  async until(missing: () => Promise<string | undefined>, withinMs: number): Promise<void> {
    const endMs = this.clock.now() + withinMs;
    for (;;) {
      const what = await missing();
      if (what === undefined) return;
      if (this.clock.now() >= endMs) this.fail(`after ${withinMs / 1000} s still: ${what}`);
      await this.run(LOOK_MS);
    }
  }

  /** Does something as a user, who tries again while the API is out of reach. */
  async act<T>(work: (api: Transport) => Promise<T>): Promise<T> {
    const user = new SimProcess('user', this.clock);
    const api = this.network.transportOf(user);
    const tryHard = async (): Promise<T | undefined> => {
      for (let attempt = 0; ; attempt++) {
        try {
          return await work(api);
        } catch (error) {
          // An earlier attempt whose answer was lost may have done it.
          if (attempt > 0 && hasReason(error, 'AlreadyExists', 'NotFound')) return undefined;
          if (!hasReason(error, 'ServiceUnavailable', 'Conflict', 'Timeout')) throw error;
          await user.sleep(RETRY_MS);
        }
      }
    };
    let isDone = false;
    const done = tryHard().finally(() => {
      isDone = true;
    });
    await this.until(async () => (isDone ? undefined : 'the user waits'), 120_000);
    return (await done) as T;
  }

  check(): void {
    const [first] = this.violations;
    if (first !== undefined) this.fail(first);
  }

  fail(what: string): never {
    throw new Error(`${what}\nagain: WHERRY_SEED=${this.seed}\n${this.log.tail}`);
  }

  /** Chance of its own for each part, so that one drawing more does not change the others. */
  random(name: string): SeededRandom {
    let hash = this.seed;
    for (const letter of name) hash = Math.imul(hash ^ letter.charCodeAt(0), 0x01000193);
    return new SeededRandom(hash);
  }

  #add(name: string, run: Component['run']): void {
    this.#components.set(name, { run, process: undefined });
    this.start(name);
  }

  #componentOf(name: string): Component {
    const component = this.#components.get(name);
    invariant(component !== undefined, `no component ${name}`);
    return component;
  }

  #partsOf(process: SimProcess) {
    return {
      transport: this.network.transportOf(process),
      clock: process,
      random: this.random(`${process.name}#${++this.#starts}`),
      log: this.log.of(process.name),
    };
  }

  #runApiServer(process: SimProcess): Promise<void> {
    const { random, log } = this.#partsOf(process);
    return runApiServer({ store: this.store, random, log }, process, (server) => {
      this.#server = server;
    });
  }

  #runManager(process: SimProcess): Promise<void> {
    const election = { namespace: 'kube-system', name: 'manager', identity: process.name };
    const config = { ...DEFAULT_CONFIG, rootCa: 'PEM', election };
    const manager = createControllerManager({ ...this.#partsOf(process), config });
    return manager.run(new AbortController().signal);
  }

  #runScheduler(
    process: SimProcess,
    { isAlone, schedulerName }: { readonly isAlone: boolean; readonly schedulerName: string },
  ): Promise<void> {
    const parts = this.#partsOf(process);
    const election = { namespace: 'kube-system', name: 'scheduler', identity: process.name };
    const scheduler = createSchedulerComponent({
      ...parts,
      profiles: [defaultProfile({ ...parts, schedulerName })],
      config: isAlone ? {} : { election },
    });
    return scheduler.run(new AbortController().signal);
  }

  #runProxy(process: SimProcess): Promise<void> {
    const informers = createInformers(this.#partsOf(process));
    informers.of(SERVICES);
    informers.of(ENDPOINT_SLICES);
    this.#proxy = informers;
    return informers.run(new AbortController().signal);
  }
}

const numbered = (count: number): readonly number[] =>
  Array.from({ length: count }, (_, index) => index + 1);
