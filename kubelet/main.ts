// The kubelet process: flags → config → runtime → kubelet (or many hollow ones) → server.

import { mkdir, readFile } from 'node:fs/promises';
import { CONNECT_FLAGS, connect } from '../client/connect.ts';
import { createEventRecorder } from '../client/event-recorder.ts';
import { createInformers } from '../client/informers.ts';
import { systemClock as clock } from '../machinery/clock.ts';
import { runComponent, serveHealth } from '../machinery/component.ts';
import { boolean, choice, integer, list, parseFlags, text } from '../machinery/flags.ts';
import { LOG_LEVELS, type Log, stdoutLog } from '../machinery/log.ts';
import { createMetrics } from '../machinery/metrics.ts';
import { milliValueOf, wholeValueOf } from '../machinery/quantity.ts';
import { systemRandom as random } from '../machinery/random.ts';
import type { Transport } from '../machinery/transport.ts';
import { createKubelet, type Kubelet, type KubeletConfig } from './kubelet.ts';
import { HOLLOW_DEFAULTS, hollowRuntime } from './runtime/hollow.ts';
import type { Runtime } from './runtime/runtime.ts';
import { startServer } from './server/server.ts';
import { unmountBelow } from './volumes/tmpfs.ts';

const NAME = 'kubelet';
/** Hollow nodes have no network: they all are reached on loopback. */
const HOLLOW_IP = '127.0.0.1';

/** The events of a burst of a thousand pods, which no user waits for. */
const HOLLOW_EVENTS_MAX = 4000;

const FLAGS = {
  ...CONNECT_FLAGS,
  'serving-cert-file': text('', 'certificate of the server for logs, exec and port-forward'),
  'serving-key-file': text('', 'key of the serving certificate'),
  'node-name': text('node-1', 'name of the node'),
  'cluster-name': text('wherry', 'name of the cluster: part of container and network names'),
  'pod-cidr': text('10.244.1.0/24', 'addresses for the pods of this node'),
  port: integer(10250, 'port of the server, on the address of the node'),
  listen: text('127.0.0.1:10248', 'address of /healthz, /readyz and /metrics'),
  'root-dir': text('.wherry/kubelet', 'folder for volumes and other files of pods'),
  runtime: choice(['docker', 'hollow'], 'docker', 'what runs the containers'),
  'docker-socket': text('/var/run/docker.sock', 'socket of the Docker engine'),
  'sandbox-pool': integer(3, 'ready sandboxes kept in stock'),
  mtu: integer(1500, 'largest packet on the network of pods'),
  'max-pods': integer(110, 'most pods on this node'),
  cpus: text('', 'CPU that pods may be promised, as a quantity; all of the machine by default'),
  memory: text('', 'memory that pods may be promised; all of the machine by default'),
  'cluster-dns': list([], 'addresses of the DNS of the cluster'),
  'cluster-domain': text('cluster.local', 'domain of the cluster'),
  nodes: integer(1, 'hollow only: nodes in this process'),
  'node-name-prefix': text('hollow-', 'hollow only: names are the prefix and a number'),
  cleanup: boolean(false, 'remove all containers and the network of this node, and end'),
  'log-level': choice(LOG_LEVELS, 'info', 'least severe messages to log'),
};

type Config = ReturnType<typeof parseFlags<typeof FLAGS>>;

async function main(signal: AbortSignal): Promise<void> {
  const flags = parseFlags(FLAGS, process.argv.slice(2), `${NAME}: runs the pods of a node`);
  const log = stdoutLog(NAME, flags['log-level']);
  if (flags.cleanup) return cleanUp(flags, log);
  await mkdir(flags['root-dir'], { recursive: true });
  const transport = await connect(flags);
  const metrics = createMetrics();
  const fleet = await makeFleet(flags, { transport, log, signal });
  const checks = { pods: () => fleet.kubelets.every((kubelet) => kubelet.isReady) };
  const { port } = await serveHealth({ listen: flags.listen, checks, metrics, signal });
  log.info('started', { server: flags.server, healthPort: port, nodes: fleet.kubelets.length });
  try {
    await fleet.run(signal);
  } finally {
    transport.close();
  }
}

interface Fleet {
  readonly kubelets: readonly Kubelet[];
  run(signal: AbortSignal): Promise<void>;
}

interface Ambient {
  readonly transport: Transport;
  readonly log: Log;
  readonly signal: AbortSignal;
}

async function makeFleet(flags: Config, ambient: Ambient): Promise<Fleet> {
  const base = await configOf(flags);
  return flags.runtime === 'docker'
    ? dockerFleet(flags, base, ambient)
    : hollowFleet(flags, base, ambient);
}

async function dockerFleet(flags: Config, config: KubeletConfig, ambient: Ambient): Promise<Fleet> {
  const { transport, log } = ambient;
  const runtime = await openDocker(flags, log);
  const kubelets: Kubelet[] = [];
  const onOpen = async (signal: AbortSignal): Promise<void> => {
    await serve(flags, { host: runtime.nodeIp, port: flags.port }, { kubelets, log, signal });
  };
  const kubelet = createKubelet({ transport, clock, random, runtime, log, config, onOpen });
  kubelets.push(kubelet);
  return { kubelets, run: (signal) => kubelet.run(signal) };
}

/** All nodes behind one server on loopback, whose port the machine chooses. */
async function hollowFleet(flags: Config, base: KubeletConfig, ambient: Ambient): Promise<Fleet> {
  const { transport, log, signal } = ambient;
  const kubelets: Kubelet[] = [];
  const port = await serve(flags, { host: HOLLOW_IP, port: 0 }, { kubelets, log, signal });
  const informers = createInformers({ transport, clock, random, log });
  const telling = { transport, component: NAME, queueMax: HOLLOW_EVENTS_MAX };
  const recorder = createEventRecorder({ ...telling, clock, random, log });
  for (let index = 1; index <= flags.nodes; index++) {
    const nodeName = `${flags['node-name-prefix']}${index}`;
    const podCidr = `10.${128 + Math.floor(index / 256)}.${index % 256}.0/24`;
    const runtime = hollowOf(flags, podCidr);
    const config = { ...base, nodeName, podCidr, port };
    const named = log.with({ nodeName });
    const shared = { transport, clock, random, informers, recorder };
    kubelets.push(createKubelet({ ...shared, runtime, log: named, config }));
  }
  return {
    kubelets,
    run: async (stop) => {
      const nodes = kubelets.map((one) => one.run(stop));
      await Promise.all([...nodes, informers.run(stop), recorder.run(stop)]);
    },
  };
}

interface Serving {
  readonly kubelets: readonly Kubelet[];
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** Answers the port; 0 when there is no certificate to serve with. */
async function serve(
  flags: Config,
  { host, port }: { readonly host: string; readonly port: number },
  { kubelets, log, signal }: Serving,
): Promise<number> {
  const paths = [flags['ca-file'], flags['serving-cert-file'], flags['serving-key-file']];
  if (paths.includes('')) {
    log.warn('no serving certificate: no logs, exec, attach or port-forward on this node');
    return 0;
  }
  const [ca = '', cert = '', key = ''] = await Promise.all(
    paths.map((path) => readFile(path, 'utf8')),
  );
  const nodes = (): readonly Kubelet[] => kubelets;
  return startServer({ host, port, tls: { ca, cert, key }, nodes, clock, log, signal });
}

async function configOf(flags: Config): Promise<KubeletConfig> {
  const read = (path: string): Promise<string> => readFile(path, 'utf8').catch(() => '');
  const [machineId, bootId, hostResolvConf] = await Promise.all([
    read('/etc/machine-id'),
    read('/proc/sys/kernel/random/boot_id'),
    read('/etc/resolv.conf'),
  ]);
  return {
    nodeName: flags['node-name'],
    rootDir: flags['root-dir'],
    podCidr: flags['pod-cidr'],
    podsMax: flags['max-pods'],
    cpuMilli: milliValueOf(flags.cpus || undefined),
    memoryBytes: wholeValueOf(flags.memory || undefined),
    dns: {
      clusterDns: flags['cluster-dns'],
      clusterDomain: flags['cluster-domain'],
      hostResolvConf,
    },
    port: flags.port,
    machineId: machineId.trim(),
    bootId: bootId.trim(),
  };
}

/** The engine's client is loaded only where it is used: hollow nodes are many. */
async function openDocker(flags: Config, log: Log): Promise<Runtime> {
  const { dockerRuntime } = await import('./runtime/docker/docker.ts');
  return dockerRuntime(
    {
      socketPath: flags['docker-socket'],
      cluster: flags['cluster-name'],
      node: flags['node-name'],
      podCidr: flags['pod-cidr'],
      mtu: flags.mtu,
      poolSize: flags['sandbox-pool'],
    },
    { clock, random, log, architecture: process.arch },
  );
}

const hollowOf = (flags: Config, podCidr: string): Runtime =>
  hollowRuntime(
    {
      ...HOLLOW_DEFAULTS,
      nodeIp: HOLLOW_IP,
      podCidr,
      ...(flags.cpus !== '' && { cpus: milliValueOf(flags.cpus) / 1000 }),
      ...(flags.memory !== '' && { memoryBytes: wholeValueOf(flags.memory) }),
    },
    { clock, random },
  );

async function cleanUp(flags: Config, log: Log): Promise<void> {
  const runtime = await openDocker(flags, log);
  await runtime.destroy();
  await unmountBelow(flags['root-dir']);
  log.info('removed all containers and the network of the node', { node: flags['node-name'] });
}

await runComponent(NAME, main);
