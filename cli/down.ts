// `wherry down`: stops everything and leaves no process, container, network or rule behind.
// The folder stays, so that the next `up` finds the objects again; `--delete` removes it, too.

import { spawn } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { Claims } from './cluster/claims.ts';
import { allSpecs } from './cluster/components.ts';
import { type ClusterConfig, type Layout, layoutOf, readCluster } from './cluster/config.ts';
import { ping, stopOwnDockerd } from './cluster/docker.ts';
import { Processes, type ProcessSpec } from './cluster/processes.ts';
import { siteOf } from './up.ts';
import type { World } from './world.ts';

/** The apiserver finishes what is in flight within this, or is killed. */
const GRACE_MS = 8_000;

export interface DownOptions {
  readonly dir: string;
  readonly delete: boolean;
}

export async function down(options: DownOptions, world: World): Promise<void> {
  const { progress, clock } = world;
  const layout = layoutOf(options.dir);
  const cluster = readCluster(options.dir);
  if (cluster === undefined) {
    progress.say(`No cluster in ${options.dir}.`);
    return;
  }
  const processes = new Processes(layout, clock);
  await progress.step('stopping processes', () => stopAll(processes));
  if (cluster.runtime === 'docker') {
    await progress.step('removing containers, networks and rules', () =>
      cleanUp(cluster, layout, world),
    );
  }
  if (options.delete) {
    rmSync(options.dir, { recursive: true, force: true });
    new Claims(world.machineDir).release(cluster.index);
  }
  await stopDockerWhenLast(world);
  progress.say(
    options.delete
      ? `Cluster "${cluster.name}" is deleted.`
      : `Cluster "${cluster.name}" is down; \`wherry up\` brings it back with its objects.`,
  );
}

/** The store goes last: until then components may still write what they know. */
async function stopAll(processes: Processes): Promise<void> {
  const names = processes.list().map(({ name }) => name);
  const last = ['apiserver', 'etcd'];
  const first = names.filter((name) => !last.includes(name));
  await Promise.all(first.map((name) => processes.stop(name, GRACE_MS)));
  for (const name of last) if (names.includes(name)) await processes.stop(name, GRACE_MS);
}

/** Kubelets and proxy know what they made: each undoes its own with `--cleanup`. */
async function cleanUp(cluster: ClusterConfig, layout: Layout, world: World): Promise<void> {
  const hasDocker = (await ping(world.socket)) === 'ok';
  const cleaners = allSpecs(siteOf(cluster, layout, world)).filter(
    ({ name }) => name === 'proxy' || (hasDocker && name.startsWith('kubelet')),
  );
  await Promise.all(cleaners.map(runCleanup));
}

const runCleanup = ({ name, command, args }: ProcessSpec): Promise<void> =>
  new Promise((resolve, reject) => {
    const child = spawn(command, [...args, '--cleanup'], { stdio: ['ignore', 'ignore', 'pipe'] });
    let errors = '';
    child.stderr.on('data', (chunk) => {
      errors = (errors + chunk).slice(-2_000);
    });
    child.on('error', reject);
    child.on('close', (code) =>
      code === 0 ? resolve() : reject(new Error(`${name} --cleanup failed: ${errors.trim()}`)),
    );
  });

/** An engine that `up` started serves all clusters of this machine. */
async function stopDockerWhenLast(world: World): Promise<void> {
  const others = new Claims(world.machineDir)
    .list()
    .filter(({ dir }) => existsSync(layoutOf(dir).run))
    .some(({ dir }) => new Processes(layoutOf(dir), world.clock).list().length > 0);
  if (!others) await stopOwnDockerd(world.machineDir, world.clock);
}
