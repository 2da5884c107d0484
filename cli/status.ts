// `wherry status`: processes, health, nodes, versions, addresses. Exit code 1 when something is
// not as it should be, so that scripts can ask, too.

import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import type { Node } from '../proto/generated/core.v1.ts';
import { NODES } from '../proto/generated/resources.ts';
import { allSpecs } from './cluster/components.ts';
import {
  addressesOf,
  type ClusterConfig,
  type Layout,
  layoutOf,
  readCluster,
} from './cluster/config.ts';
import { Processes, type ProcessSpec } from './cluster/processes.ts';
import { table } from './table.ts';
import { adminTransport, siteOf } from './up.ts';
import type { World } from './world.ts';

const HEALTH_MS_MAX = 2_000;

/** Answers whether all is well. */
export async function status(
  dir: string,
  world: World,
  out: NodeJS.WritableStream,
): Promise<boolean> {
  const cluster = readCluster(dir);
  if (cluster === undefined) throw new Error(`no cluster in ${dir}; start one with \`wherry up\``);
  const layout = layoutOf(dir);
  const processes = new Processes(layout, world.clock);
  const specs = allSpecs(siteOf(cluster, layout, world));
  const rows = await Promise.all(specs.map((spec) => processRow(spec, processes)));
  const nodes = await nodeRows(cluster, layout);
  const { https, podCidr, serviceCidr } = addressesOf(cluster.index);
  out.write(
    `cluster ${cluster.name} (store ${cluster.store}, runtime ${cluster.runtime}) in ${dir}\n` +
      `api https://127.0.0.1:${https}, pods ${podCidr}, services ${serviceCidr}\n\n` +
      `${table(['PROCESS', 'PID', 'MEMORY', 'HEALTH'], rows)}\n` +
      `${table(['NODE', 'STATUS', 'VERSION', 'ADDRESS', 'RUNTIME'], nodes)}`,
  );
  const isWell = rows.every((row) => row[3] === 'ok') && nodes.every((row) => row[1] === 'Ready');
  return isWell && nodes.length >= cluster.nodes;
}

async function processRow(spec: ProcessSpec, processes: Processes): Promise<string[]> {
  const running = processes.find(spec.name);
  if (running === undefined) return [spec.name, '-', '-', 'not running'];
  return [spec.name, String(running.pid), residentOf(running.pid), await healthOf(spec)];
}

function residentOf(pid: number): string {
  const line = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return line === null ? '-' : `${Math.round(Number(line[1]) / 1024)} MB`;
}

/** Components other than the apiserver answer health on plain loopback. */
async function healthOf({ args }: ProcessSpec): Promise<string> {
  const listen = args.find((arg) => arg.startsWith('--listen=127.0.0.1:'));
  if (listen === undefined) return 'ok';
  return new Promise((resolve) => {
    const port = Number(listen.slice(listen.lastIndexOf(':') + 1));
    const options = { host: '127.0.0.1', port, path: '/readyz', timeout: HEALTH_MS_MAX };
    const call = request(options, (response) => {
      response.resume();
      resolve(response.statusCode === 200 ? 'ok' : `not ready (${response.statusCode})`);
    });
    call.on('timeout', () => call.destroy());
    call.on('error', () => resolve('no answer'));
    call.end();
  });
}

async function nodeRows(cluster: ClusterConfig, layout: Layout): Promise<string[][]> {
  const transport = adminTransport(cluster, layout);
  try {
    const { items } = await transport.list(NODES, {}, AbortSignal.timeout(HEALTH_MS_MAX));
    return items.map(nodeRow);
  } catch {
    return [];
  } finally {
    transport.close();
  }
}

function nodeRow({ metadata, status }: Node): string[] {
  const ready = status?.conditions?.find(({ type }) => type === 'Ready')?.status === 'True';
  const address = status?.addresses?.find(({ type }) => type === 'InternalIP')?.address;
  return [
    metadata.name,
    ready ? 'Ready' : 'NotReady',
    status?.nodeInfo?.kubeletVersion ?? '-',
    address ?? '-',
    status?.nodeInfo?.containerRuntimeVersion ?? '-',
  ];
}
