// A cluster of a benchmark's own, started by the real `wherry up`, and the two ways to ask it.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { Agent, get, type RequestOptions } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { addressesOf, layoutOf, readCluster } from '../cli/cluster/config.ts';
import { pkiFiles } from '../cli/cluster/pki.ts';
import { adminTransport } from '../cli/up.ts';
import type { Transport } from '../machinery/transport.ts';

export interface BenchCluster {
  readonly dir: string;
  readonly transport: Transport;
  /** GET of a path, its answer read and thrown away: what the server costs, not its client. */
  read(path: string): Promise<void>;
  /** Processes by name. */
  pids(): ReadonlyMap<string, number>;
  down(): void;
}

const TICKS_PER_SECOND = 100;
/** All processes together below a tenth of a core: the cluster rests. Half a minute at most. */
const IDLE_SHARE = 0.1;
const IDLE_LOOK_MS = 500;
const IDLE_LOOKS_MAX = 60;

export function startBenchCluster(name: string, flags: readonly string[]): BenchCluster {
  const dir = mkdtempSync(join(tmpdir(), `wherry-${name}-`));
  const where = ['--name', name, '--dir', dir];
  const down = () => {
    spawnSync('bin/wherry', ['down', ...where, '--delete'], { stdio: 'ignore' });
    rmSync(dir, { recursive: true, force: true });
  };
  const { status } = spawnSync('bin/wherry', ['up', ...where, ...flags], {
    stdio: ['ignore', 2, 2],
  });
  const cluster = readCluster(dir);
  if (status !== 0 || cluster === undefined) {
    down();
    throw new Error('the cluster did not start');
  }
  const layout = layoutOf(dir);
  const transport = adminTransport(cluster, layout);
  const pki = pkiFiles(layout.pki);
  const agent = new Agent({ keepAlive: true });
  const secure = {
    ca: readFileSync(pki.ca()),
    cert: readFileSync(pki.certificate('admin')),
    key: readFileSync(pki.key('admin')),
  };
  return {
    dir,
    transport,
    read: (path) => readAway(path, { ...secure, port: addressesOf(cluster.index).https, agent }),
    pids: () =>
      new Map(
        readdirSync(layout.run)
          .filter((file) => file.endsWith('.json'))
          .map((file) => JSON.parse(readFileSync(join(layout.run, file), 'utf8')))
          .map(({ name, pid }: { name: string; pid: number }) => [name, pid]),
      ),
    down() {
      transport.close();
      agent.destroy();
      down();
    },
  };
}

function readAway(path: string, options: RequestOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = get({ ...options, host: '127.0.0.1', path }, (response) => {
      response.on('error', reject);
      response.on('end', resolve);
      response.resume();
      if (response.statusCode !== 200) reject(new Error(`${path}: ${response.statusCode}`));
    });
    request.on('error', reject);
  });
}

/** User and system time of a process so far. */
export function cpuSecondsOf(pid: number | 'self'): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

export const residentMegabytesOf = (pid: number): number =>
  kilobytesOf(pid, 'status', 'VmRSS') / 1024;

export function kilobytesOf(pid: number, file: string, field: string): number {
  const text = readFileSync(`/proc/${pid}/${file}`, 'utf8');
  return Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(text)?.[1] ?? 0);
}

/** Runs the work; answers how many CPU-seconds each process (and this one, `client`) took for it. */
export async function cpuDuring(
  cluster: Pick<BenchCluster, 'pids'>,
  work: () => Promise<void>,
): Promise<ReadonlyMap<string, number>> {
  const pids = new Map<string, number | 'self'>([['client', 'self'], ...cluster.pids()]);
  const before = new Map([...pids].map(([name, pid]) => [name, cpuSecondsOf(pid)]));
  await work();
  return new Map([...pids].map(([name, pid]) => [name, cpuSecondsOf(pid) - before.get(name)!]));
}

/** Until what the last round left to do is done: events, statuses, the compilers. */
export async function untilIdle({ pids }: Pick<BenchCluster, 'pids'>): Promise<void> {
  const used = () => [...pids().values()].reduce((sum, pid) => sum + cpuSecondsOf(pid), 0);
  for (let looks = 0; looks < IDLE_LOOKS_MAX; looks++) {
    const before = used();
    await new Promise((resolve) => setTimeout(resolve, IDLE_LOOK_MS));
    if (used() - before < (IDLE_SHARE * IDLE_LOOK_MS) / 1000) return;
  }
}

export const median = (values: readonly number[]): number => quantile(values, 0.5);

export const quantile = (values: readonly number[], fraction: number): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length * fraction)] ?? Number.NaN;

/** Runs the tasks, at most `limit` at a time. */
export async function inFlight(limit: number, tasks: readonly (() => Promise<void>)[]) {
  let next = 0;
  const worker = async () => {
    for (let task = tasks[next++]; task !== undefined; task = tasks[next++]) await task();
  };
  await Promise.all(Array.from({ length: limit }, worker));
}
