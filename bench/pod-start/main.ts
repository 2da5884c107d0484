// How fast a pod starts (create → Running seen by a watch, image present, one container), beside
// the bare limit: the same engine creating and starting a pause container and one joined to it.
//
//   node dist/bench/pod-start/main.js

import { performance } from 'node:perf_hooks';
import Docker from 'dockerode';
import type { Transport } from '../../machinery/transport.ts';
import type { Pod } from '../../proto/generated/core.v1.ts';
import { PODS } from '../../proto/generated/resources.ts';
import { inFlight, median, quantile, startBenchCluster } from '../bench-cluster.ts';

const IMAGE = 'wherry-shop/web:1';
const SINGLE_RUNS = 20;
const BURST = 30;
const BURST_ROUNDS = 3;
const BARE_IN_FLIGHT = 8;
const COMMAND = ['sleep', '100000'];

const docker = new Docker();
const NETWORK = `wherry-bench-bare-${process.pid}`;
const network = await docker.createNetwork({ Name: NETWORK, Driver: 'bridge' });
const cluster = startBenchCluster('bench-pods', ['--nodes', '1']);
const { transport } = cluster;
try {
  await podRun(transport, 'warm', 1);
  await bareRun('warm', 1);

  const bare: number[] = [];
  const ours: number[] = [];
  for (let run = 0; run < SINGLE_RUNS; run++) {
    bare.push(await bareRun(`single-${run}`, 1));
    ours.push(await podRun(transport, `single-${run}`, 1));
  }
  const bareBursts: number[] = [];
  const ourBursts: number[] = [];
  for (let round = 0; round < BURST_ROUNDS; round++) {
    bareBursts.push(await bareRun(`burst-${round}`, BURST));
    ourBursts.push(await podRun(transport, `burst-${round}`, BURST));
  }
  print('one pod, p50', median(ours), median(bare), 0.7);
  print('one pod, p90', quantile(ours, 0.9), quantile(bare, 0.9));
  print(`${BURST} pods at once`, median(ourBursts), median(bareBursts), 1.2);
} finally {
  cluster.down();
  await removeBare();
  await network.remove();
}

/** What a failed run has left. */
async function removeBare(): Promise<void> {
  const left = await docker.listContainers({ all: true, filters: { name: [NETWORK] } });
  await Promise.all(left.map(({ Id }) => docker.getContainer(Id).remove({ force: true })));
}

function print(what: string, oursMs: number, bareMs: number, goal?: number): void {
  const ratio = (oursMs / bareMs).toFixed(2);
  const wanted = goal === undefined ? '' : `  goal ≤ ${goal}`;
  console.log(
    `${what.padEnd(18)} wherry ${oursMs.toFixed(0).padStart(6)} ms` +
      `   bare ${bareMs.toFixed(0).padStart(6)} ms   ratio ${ratio}${wanted}`,
  );
}

/** Creates so many pods at once; answers after how long a watch has seen the last one Running. */
async function podRun(transport: Transport, name: string, count: number): Promise<number> {
  const stop = new AbortController();
  const names = Array.from({ length: count }, (_, index) => `${name}-${index}`);
  const { metadata } = await transport.list(PODS, { namespace: 'default', limit: 1 });
  const running = new Set<string>();
  const watching = (async () => {
    const query = { namespace: 'default', resourceVersion: metadata.resourceVersion };
    for await (const event of transport.watch(PODS, query, stop.signal)) {
      if (event.type === 'BOOKMARK' || event.object.status?.phase !== 'Running') continue;
      if (names.includes(event.object.metadata.name)) running.add(event.object.metadata.name);
      if (running.size === count) return performance.now();
    }
    throw new Error('the watch ended early');
  })();
  watching.catch(() => {}); // Told below, unless a create fails first.
  const startMs = performance.now();
  await Promise.all(names.map((one) => transport.create(PODS, podNamed(one))));
  const endMs = await watching;
  stop.abort();
  await removeAll(transport, names);
  return endMs - startMs;
}

async function removeAll(transport: Transport, names: readonly string[]): Promise<void> {
  const options = { gracePeriodSeconds: 0 };
  await Promise.all(
    names.map((name) => transport.delete(PODS, { namespace: 'default', name }, options)),
  );
  await settled();
}

/** Nothing of the last run may still cost when the next begins: containers gone, pool refilled. */
async function settled(): Promise<void> {
  for (let quiet = 0, last = ''; quiet < 4; ) {
    const list = await docker.listContainers({ all: true });
    const now = list.map(({ Id, State }) => Id + State).join();
    quiet = now === last ? quiet + 1 : 0;
    last = now;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

function podNamed(name: string): Pod {
  return {
    metadata: { name, namespace: 'default' },
    spec: {
      terminationGracePeriodSeconds: 0,
      automountServiceAccountToken: false,
      containers: [{ name: 'main', image: IMAGE, command: COMMAND }],
    },
  };
}

/** The same by hand: a pause container on a bridge, and one container joined to it, so many times. */
async function bareRun(name: string, count: number): Promise<number> {
  const made: Docker.Container[] = [];
  const startMs = performance.now();
  const one = (index: number) => async () => {
    const pause = await docker.createContainer({
      name: `${NETWORK}-${name}-${index}-pause`,
      Image: IMAGE,
      Cmd: COMMAND,
      HostConfig: { NetworkMode: NETWORK, IpcMode: 'shareable' },
    });
    made.push(pause);
    await pause.start();
    const mode = `container:${pause.id}`;
    const main = await docker.createContainer({
      name: `${NETWORK}-${name}-${index}-main`,
      Image: IMAGE,
      Cmd: COMMAND,
      HostConfig: { NetworkMode: mode, IpcMode: mode },
    });
    made.push(main);
    await main.start();
  };
  await inFlight(
    BARE_IN_FLIGHT,
    Array.from({ length: count }, (_, index) => one(index)),
  );
  const tookMs = performance.now() - startMs;
  await Promise.all(made.map((container) => container.remove({ force: true })));
  await settled();
  return tookMs;
}
