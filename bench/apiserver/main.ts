// The API server alone: 3 KB pods that no scheduler takes, over REST and TLS with everything on
// (authorization, validation, defaults, admission), the embedded store on disk, and this process
// as the client on the same machine: beside each rate, how busy the server was. Where it had time
// left, the client was the limit.
//
//   node dist/bench/apiserver/main.js [pods]

import { performance } from 'node:perf_hooks';
import type { Pod } from '../../proto/generated/core.v1.ts';
import { NAMESPACES, PODS } from '../../proto/generated/resources.ts';
import {
  cpuSecondsOf,
  inFlight,
  median,
  residentMegabytesOf,
  startBenchCluster,
  untilIdle,
} from '../bench-cluster.ts';

const [pods = 10_000] = process.argv.slice(2).map(Number);
const NAMESPACE = 'bench';
/** Compilers need some thousand requests before a figure is that of a server at work. */
const WARM_UP = 3_000;
const GETS = 20_000;
const LISTS = 7;
const PAGE = 500;

const cluster = startBenchCluster('bench-api', ['--runtime', 'hollow', '--nodes', '1']);
const { transport } = cluster;
const server = cluster.pids().get('apiserver')!;
try {
  report('resident, idle', `${resident()} MB`, '≤ 110 MB');
  await transport.create(NAMESPACES, { metadata: { name: NAMESPACE } } as never);
  await creates('warm-up', { count: WARM_UP, clients: 64 });
  await untilIdle(cluster);
  const few = await creates('few', { count: Math.min(2_000, pods), clients: 16 });
  const cpu = (few.cpuSeconds / few.count) * 1_000;
  report('server CPU per 1,000 creates, 16 clients', `${cpu.toFixed(2)} s`, '≤ 0.5 s');
  const left = Math.max(1, pods - WARM_UP - few.count);
  const many = await creates('many', { count: left, clients: 64 });
  report('creates, 64 clients, embedded store', rate(many), '≥ 6,000/s');
  await untilIdle(cluster);
  report('GET, 16 clients', rate(await gets()), '≥ 15,000/s');
  report(`LIST of ${pods} pods, p50, 1 client`, ms(await lists(undefined)), '≤ 120 ms');
  report(`the same in pages of ${PAGE}`, ms(await lists(PAGE)), '≤ 200 ms');
  report(`resident, ${pods} pods`, `${resident()} MB`, '≤ 220 MB');
  const startMs = performance.now();
  await transport.deleteCollection(PODS, { namespace: NAMESPACE });
  report(`DELETE collection of ${pods}`, ms(performance.now() - startMs), '≤ 2 s for 5,000');
} finally {
  cluster.down();
}

interface Load {
  readonly count: number;
  readonly elapsedMs: number;
  readonly cpuSeconds: number;
}

async function measured(count: number, work: () => Promise<void>): Promise<Load> {
  const cpuBefore = cpuSecondsOf(server);
  const startMs = performance.now();
  await work();
  const elapsedMs = performance.now() - startMs;
  return { count, elapsedMs, cpuSeconds: cpuSecondsOf(server) - cpuBefore };
}

function creates(
  prefix: string,
  { count, clients }: { readonly count: number; readonly clients: number },
): Promise<Load> {
  const tasks = Array.from({ length: count }, (_, index) => async () => {
    await transport.create(PODS, podNamed(`${prefix}-${index}`));
  });
  return measured(count, () => inFlight(clients, tasks));
}

function gets(): Promise<Load> {
  const tasks = Array.from({ length: GETS }, (_, index) => async () => {
    await cluster.read(`/api/v1/namespaces/${NAMESPACE}/pods/warm-up-${index % WARM_UP}`);
  });
  return measured(GETS, () => inFlight(16, tasks));
}

/** Whole, or page by page. */
async function lists(limit: number | undefined): Promise<number> {
  const times: number[] = [];
  const tokens = limit === undefined ? [''] : await tokensOf(limit);
  for (let count = 0; count < LISTS; count++) {
    const startMs = performance.now();
    for (const token of tokens) {
      const query =
        limit === undefined
          ? ''
          : `?limit=${limit}${token && `&continue=${encodeURIComponent(token)}`}`;
      await cluster.read(`/api/v1/namespaces/${NAMESPACE}/pods${query}`);
    }
    times.push(performance.now() - startMs);
  }
  return median(times);
}

/** Pages are of one revision, so their tokens can be used again. */
async function tokensOf(limit: number): Promise<readonly string[]> {
  const tokens = [''];
  for (;;) {
    const query = { namespace: NAMESPACE, limit, continue: tokens.at(-1) };
    const { metadata } = await transport.list(PODS, query);
    if (!metadata.continue) return tokens;
    tokens.push(metadata.continue);
  }
}

function report(what: string, figure: string, goal: string): void {
  console.log(`${what.padEnd(44)}${figure.padStart(14)}   goal ${goal}`);
}

function rate({ count, elapsedMs, cpuSeconds }: Load): string {
  const share = Math.round((cpuSeconds / elapsedMs) * 100_000);
  return `${Math.round((count / elapsedMs) * 1_000)}/s at ${share} %`;
}

function ms(value: number): string {
  return `${value.toFixed(0)} ms`;
}

function resident(): string {
  return residentMegabytesOf(server).toFixed(0);
}

/** About 3 KB as it is stored. */
function podNamed(name: string): Pod {
  const env = Array.from({ length: 24 }, (_, index) => ({
    name: `SETTING_${index}`,
    value: `a value of some length, number ${index}`,
  }));
  return {
    metadata: { name, namespace: NAMESPACE, labels: { app: 'bench', tier: 'none' } },
    spec: {
      schedulerName: 'nobody',
      containers: [
        {
          name: 'main',
          image: 'wherry-shop/web:1',
          env,
          resources: { requests: { cpu: '100m', memory: '64Mi' } },
        },
      ],
    },
  };
}
