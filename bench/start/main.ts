// How long a start takes, everything installed and built: `wherry up` with 2 nodes until kubectl
// lists both as Ready (a new cluster, and one that comes back), and the apiserver process alone
// until /readyz.
//
//   node dist/bench/start/main.js [rounds]

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { layoutOf } from '../../cli/cluster/config.ts';
import type { Running } from '../../cli/cluster/processes.ts';
import { median } from '../bench-cluster.ts';

const [rounds = 5] = process.argv.slice(2).map(Number);
const NAME = 'bench-start';
const POLL_MS = 5;

const fresh: number[] = [];
const again: number[] = [];
const alone: number[] = [];
for (let round = 0; round < rounds; round++) {
  const dir = mkdtempSync(join(tmpdir(), `wherry-${NAME}-`));
  try {
    fresh.push(timed(() => upUntilListed(dir)));
    const { command, args } = recordOf(dir, 'apiserver');
    wherry('down', dir);
    again.push(timed(() => upUntilListed(dir)));
    wherry('down', dir);
    alone.push(await apiserverStart(command, args, join(layoutOf(dir).pki, 'ca.crt')));
  } finally {
    wherry('down', dir, '--delete');
    rmSync(dir, { recursive: true, force: true });
  }
}
print('wherry up, a new cluster of 2 nodes', fresh, '≤ 3 s');
print('wherry up, one that comes back', again, '≤ 3 s');
print('apiserver alone, to /readyz', alone, '< 1 s');

function print(what: string, timesMs: readonly number[], goal: string): void {
  const seconds = (ms: number) => `${(ms / 1000).toFixed(2)} s`;
  const spread = `${seconds(Math.min(...timesMs))} to ${seconds(Math.max(...timesMs))}`;
  console.log(`${what.padEnd(38)} ${seconds(median(timesMs))}  (${spread})   goal ${goal}`);
}

function timed(work: () => void): number {
  const startMs = performance.now();
  work();
  return performance.now() - startMs;
}

function upUntilListed(dir: string): void {
  wherry('up', dir);
  const env = { ...process.env, KUBECONFIG: layoutOf(dir).kubeconfig };
  const { stdout } = spawnSync('kubectl', ['get', 'nodes'], { env, encoding: 'utf8' });
  if (stdout.match(/ Ready /g)?.length !== 2) throw new Error(`not both Ready:\n${stdout}`);
}

function wherry(verb: string, dir: string, ...flags: string[]): void {
  const where = ['--name', NAME, '--dir', dir];
  const { status, stderr } = spawnSync('bin/wherry', [verb, ...where, ...flags], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`wherry ${verb} failed: ${stderr}`);
}

function recordOf(dir: string, name: string): Running {
  return JSON.parse(readFileSync(join(layoutOf(dir).run, `${name}.json`), 'utf8'));
}

async function apiserverStart(
  command: string,
  args: readonly string[],
  caFile: string,
): Promise<number> {
  const port = Number(/:(\d+)$/.exec(args.find((arg) => arg.startsWith('--listen=')) ?? '')?.[1]);
  const ca = readFileSync(caFile);
  const startMs = performance.now();
  const child: ChildProcess = spawn(command, args, { stdio: 'ignore' });
  try {
    while (!(await isReady(port, ca))) await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    return performance.now() - startMs;
  } finally {
    child.kill();
    await once(child, 'exit');
  }
}

function isReady(port: number, ca: Buffer): Promise<boolean> {
  return new Promise((resolve) => {
    const call = request({ host: '127.0.0.1', port, path: '/readyz', ca }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    call.on('error', () => resolve(false));
    call.end();
  });
}
