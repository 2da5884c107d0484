// A scenario runs once a seed. WHERRY_SEED=n runs that seed alone, WHERRY_SEEDS=n the first n.

import { test } from 'vitest';
import { SimCluster, type SimOptions } from './cluster.ts';
import { missingIn } from './convergence.ts';

/** Faults may leave leases to run out (15 s), back-off of a minute and silent nodes behind. */
const CONVERGE_MS = 300_000;
/** As long as a message may be on its way in calm weather. */
const QUIET_MS = 2_000;
/** A node may come back just when a pod's toleration runs out: that pod is replaced once more. */
const UNREST_MAX = 2;

export interface Scenario extends Omit<SimOptions, 'seed'> {
  /** Seeds 1 to this. Keep the whole folder under a minute. */
  readonly seeds: number;
}

export function scenario(
  name: string,
  { seeds, ...options }: Scenario,
  play: (cluster: SimCluster) => Promise<void>,
): void {
  const { WHERRY_SEED: chosen, WHERRY_SEEDS: many } = process.env;
  const length = Number(many ?? seeds);
  const all = chosen ? [Number(chosen)] : Array.from({ length }, (_, index) => index + 1);
  test.each(all)(`${name} (seed %i)`, async (seed) => {
    const cluster = new SimCluster({ ...options, seed });
    try {
      await play(cluster);
    } catch (error) {
      // Also what the scenario itself expected: whoever reads it needs the seed and the story.
      if (error instanceof Error && error.message.includes('WHERRY_SEED')) throw error;
      cluster.fail(error instanceof Error ? (error.stack ?? error.message) : String(error));
    }
  });
}

/** All that users wish for has come true, stays so, and everybody who watches was told. */
export async function converges(cluster: SimCluster, withinMs = CONVERGE_MS): Promise<void> {
  cluster.startAll();
  for (let unrest = 0; ; unrest++) {
    await cluster.until(() => missingIn(cluster), withinMs);
    await cluster.run(QUIET_MS);
    const { revision } = cluster.history;
    await cluster.run(QUIET_MS);
    cluster.witness.checkNobodyWaits(revision);
    cluster.check();
    const missing = await missingIn(cluster);
    if (missing === undefined) return;
    if (unrest === UNREST_MAX) cluster.fail(`it does not stay so: ${missing}`);
  }
}
