// Which cluster holds which index on this machine. A claim outlives `down`, because stored objects
// name addresses of its range, and ends with the cluster's folder.

import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { join, resolve } from 'node:path';
import { isPortFree } from '../net.ts';
import { addressesOf, CLUSTERS_MAX, readCluster } from './config.ts';

interface Claim {
  readonly index: number;
  readonly dir: string;
}

export class Claims {
  readonly #folder: string;

  constructor(machineDir: string) {
    this.#folder = join(machineDir, 'clusters');
  }

  list(): readonly Claim[] {
    mkdirSync(this.#folder, { recursive: true });
    return readdirSync(this.#folder)
      .filter((name) => /^\d+$/.test(name))
      .map((name) => ({
        index: Number(name),
        dir: readFileSync(join(this.#folder, name), 'utf8').trim(),
      }));
  }

  /** The first index whose addresses nobody uses; claimed for this folder from now on. */
  async take(dir: string): Promise<number> {
    this.#dropStale();
    for (let index = 0; index < CLUSTERS_MAX; index++) {
      if (!(await isFree(index))) continue;
      try {
        writeFileSync(join(this.#folder, String(index)), `${resolve(dir)}\n`, { flag: 'wx' });
        return index;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
    }
    throw new Error(`all ${CLUSTERS_MAX} address ranges of this machine are taken`);
  }

  release(index: number): void {
    rmSync(join(this.#folder, String(index)), { force: true });
  }

  #dropStale(): void {
    for (const { index, dir } of this.list()) {
      if (readCluster(dir)?.index !== index) this.release(index);
    }
  }
}

async function isFree(index: number): Promise<boolean> {
  const { https, grpc, scheduler, controllerManager, proxy, podCidr } = addressesOf(index);
  const prefix = podCidr.split('.').slice(0, 2).join('.');
  const taken = Object.values(networkInterfaces())
    .flat()
    .some((one) => one?.address.startsWith(`${prefix}.`));
  if (taken) return false;
  const free = await Promise.all(
    [https, grpc, scheduler, controllerManager, proxy].map(isPortFree),
  );
  return free.every(Boolean);
}
