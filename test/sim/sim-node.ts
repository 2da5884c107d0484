// A node: the machine with its container engine, and the kubelet on it, which may crash alone.

import { createKubelet } from '../../kubelet/kubelet.ts';
import { HOLLOW_DEFAULTS, hollowRuntime } from '../../kubelet/runtime/hollow.ts';
import type { Runtime } from '../../kubelet/runtime/runtime.ts';
import type { Clock } from '../../machinery/clock.ts';
import type { Log } from '../../machinery/log.ts';
import type { Random } from '../../machinery/random.ts';
import type { Transport } from '../../machinery/transport.ts';
import { SimProcess } from './sim-process.ts';

export const NODE_CPUS = 4;
export const NODE_PODS_MAX = 30;
const NODE_MEMORY_BYTES = 8 * 1024 ** 3;

export class SimNode {
  readonly name: string;
  readonly podCidr: string;
  /** How often it lost power. */
  outages = 0;
  readonly #clock: Clock;
  readonly #random: Random;
  #machine: SimProcess;
  #runtime: Runtime;

  constructor(index: number, { clock, random }: { clock: Clock; random: Random }) {
    this.name = `n${index}`;
    this.podCidr = `10.244.${index}.0/24`;
    this.#clock = clock;
    this.#random = random;
    this.#machine = this.#boot();
    this.#runtime = this.#engine();
  }

  /** What really runs here, whatever the API says. */
  get runtime(): Runtime {
    return this.#runtime;
  }

  get isOn(): boolean {
    return !this.#machine.isDead;
  }

  /** All that ran here is gone. */
  powerOff(): void {
    this.outages++;
    this.#machine.kill();
  }

  powerOn(): void {
    this.#machine = this.#boot();
    this.#runtime = this.#engine();
  }

  async runKubelet(process: SimProcess, transport: Transport, log: Log): Promise<void> {
    const kubelet = createKubelet({
      transport,
      runtime: process.reaching(this.#runtime),
      clock: process,
      random: this.#random,
      log,
      config: {
        nodeName: this.name,
        rootDir: '/nonexistent',
        podCidr: this.podCidr,
        podsMax: NODE_PODS_MAX,
        cpuMilli: 0,
        memoryBytes: 0,
        dns: { clusterDns: [], clusterDomain: 'cluster.local', hostResolvConf: '' },
        port: 10_250,
        machineId: this.name,
        bootId: this.name,
      },
    });
    await kubelet.run(new AbortController().signal);
  }

  #boot(): SimProcess {
    return new SimProcess(`machine-${this.name}`, this.#clock);
  }

  #engine(): Runtime {
    const { podCidr } = this;
    const nodeIp = `10.0.0.${10 + Number(this.name.slice(1))}`;
    return hollowRuntime(
      { ...HOLLOW_DEFAULTS, nodeIp, podCidr, cpus: NODE_CPUS, memoryBytes: NODE_MEMORY_BYTES },
      { clock: this.#machine, random: this.#random },
    );
  }
}
