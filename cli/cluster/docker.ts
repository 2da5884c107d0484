// The Docker engine of this machine: found, or started where nothing else would, and then stopped
// again by the last cluster that goes.

import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { delimiter, join } from 'node:path';
import type { Clock } from '../../machinery/clock.ts';
import { writeWhole } from './config.ts';
import { forwardPolicyOf, removeDockerLeftovers, saveRules } from './docker-leftovers.ts';
import { startTicksOf } from './processes.ts';

const START_MS_MAX = 20_000;
const PING_MS_MAX = 5_000;
const POLL_MS = 25;

export interface DockerParts {
  readonly socket: string;
  /** DOCKER_HOST names it: then it is the user's to start. */
  readonly isSocketGiven: boolean;
  readonly machineDir: string;
  readonly path: string;
  readonly isRoot: boolean;
  readonly clock: Clock;
}

/** What a user reads where no engine answers. */
export class NoDockerError extends Error {
  constructor(why: string, mend: string) {
    super(
      `Docker is not reachable: ${why}. ${mend}, or use --runtime hollow (simulated containers)`,
    );
  }
}

/** Makes sure that an engine answers; starts dockerd when this machine has no service manager. */
export async function ensureDocker(parts: DockerParts): Promise<void> {
  const { socket, isSocketGiven, path, isRoot } = parts;
  if ((await ping(socket)) === 'ok') return;
  if (isSocketGiven) {
    throw new NoDockerError(`no answer at ${socket}`, 'Check DOCKER_HOST (a unix:// socket)');
  }
  const dockerd = findBinary('dockerd', path);
  if (dockerd === undefined) {
    throw new NoDockerError(`no engine at ${socket}`, 'Install one (`apt-get install docker.io`)');
  }
  if (!isRoot) {
    throw new NoDockerError(`no answer at ${socket}`, 'Start it (`sudo systemctl start docker`)');
  }
  if (existsSync('/run/systemd/system')) {
    throw new NoDockerError(`no answer at ${socket}`, 'Start it (`systemctl start docker`)');
  }
  await startDockerd(dockerd, parts);
}

async function startDockerd(dockerd: string, { socket, machineDir, clock }: DockerParts) {
  mkdirSync(machineDir, { recursive: true });
  const logPath = join(machineDir, 'dockerd.log');
  const forwardPolicy = forwardPolicyOf(await saveRules().catch(() => ''));
  const log = openSync(logPath, 'a', 0o640);
  const child = spawn(dockerd, [`--host=unix://${socket}`], {
    detached: true,
    stdio: ['ignore', log, log],
    cwd: '/',
  });
  closeSync(log);
  child.on('error', () => {});
  child.unref();
  const { pid } = child;
  const startTicks = pid === undefined ? undefined : startTicksOf(pid);
  writeWhole(join(machineDir, 'dockerd.json'), JSON.stringify({ pid, startTicks, forwardPolicy }));
  const endMs = clock.now() + START_MS_MAX;
  while ((await ping(socket)) !== 'ok') {
    if (clock.now() > endMs || pid === undefined || startTicksOf(pid) === undefined) {
      throw new NoDockerError('dockerd did not start', `See ${logPath}`);
    }
    await clock.sleep(POLL_MS);
  }
}

/** Stops the engine if a `wherry up` started it, and removes what it leaves behind. */
export async function stopOwnDockerd(machineDir: string, clock: Clock): Promise<boolean> {
  const path = join(machineDir, 'dockerd.json');
  if (!existsSync(path)) return false;
  const { pid, startTicks, forwardPolicy } = JSON.parse(readFileSync(path, 'utf8'));
  rmSync(path);
  if (startTicksOf(pid) !== startTicks) return false;
  process.kill(pid, 'SIGTERM');
  const endMs = clock.now() + START_MS_MAX;
  while (startTicksOf(pid) === startTicks && clock.now() < endMs) await clock.sleep(POLL_MS);
  await removeDockerLeftovers(forwardPolicy);
  return true;
}

export const ping = (socketPath: string): Promise<'ok' | 'no answer'> =>
  new Promise((resolve) => {
    const call = request({ socketPath, path: '/_ping', timeout: PING_MS_MAX }, (response) => {
      response.resume();
      resolve(response.statusCode === 200 ? 'ok' : 'no answer');
    });
    call.on('timeout', () => call.destroy());
    call.on('error', () => resolve('no answer'));
    call.end();
  });

/** The first executable of this name on the search path. */
export const findBinary = (name: string, path: string): string | undefined =>
  [...path.split(delimiter), '/usr/sbin', '/sbin']
    .map((folder) => join(folder, name))
    .find((candidate) => existsSync(candidate));
