// Which rows pass the filters and what they score, for one pod. All rows at once with the plugins'
// fast loops, or, for a shape of pod that was seen before, only the rows that changed since.

import type { FilterPlugin, ScorePlugin } from './framework.ts';
import type { PodInfo } from './pod-info.ts';
import type { Snapshot } from './snapshot.ts';

export interface Check {
  readonly plugin: FilterPlugin<unknown>;
  readonly state: unknown;
}

export interface Rating {
  readonly plugin: ScorePlugin<unknown>;
  readonly state: unknown;
  readonly weight: number;
}

export interface Work {
  readonly checks: readonly Check[];
  readonly ratings: readonly Rating[];
}

/** By row; scores count only where `fits` is 1. */
export interface Evaluation {
  readonly fits: Uint8Array;
  readonly scores: Float64Array;
}

interface Remembered extends Evaluation {
  /** The snapshot's version that it is true for. */
  version: number;
}

/** Workloads have few shapes at a time; each costs 9 bytes a node. */
const SHAPES_MAX = 64;

export class Evaluator {
  /** Least recently used first. */
  readonly #shapes = new Map<string, Remembered>();
  #scratch = arraysFor(64);
  #rows = new Int32Array(64);
  #raw = new Float64Array(64);

  /** The answer is good until the next call. */
  evaluate(pod: PodInfo, nodes: Snapshot, work: Work): Evaluation {
    if (nodes.count > this.#rows.length) this.#grow(2 * nodes.count);
    const shape = shapeOf(pod, work);
    if (shape === undefined) {
      this.#evaluateAll(nodes, work, this.#scratch);
      return this.#scratch;
    }
    const known = this.#shapes.get(shape);
    this.#shapes.delete(shape);
    const isUsable = known !== undefined && known.fits.length >= nodes.count;
    const found: Remembered = isUsable ? known : { ...arraysFor(this.#rows.length), version: -1 };
    const changed = this.#changedSince(nodes, found.version);
    if (changed * 4 > nodes.count) this.#evaluateAll(nodes, work, found);
    else this.#evaluateRows(nodes, work, { found, changed });
    found.version = nodes.version;
    this.#remember(shape, found);
    return found;
  }

  #remember(shape: string, found: Remembered): void {
    this.#shapes.set(shape, found);
    if (this.#shapes.size <= SHAPES_MAX) return;
    for (const oldest of this.#shapes.keys()) {
      this.#shapes.delete(oldest);
      return;
    }
  }

  /** Puts the rows into `#rows`; answers how many. */
  #changedSince({ changedAt, count }: Snapshot, version: number): number {
    let changed = 0;
    for (let row = 0; row < count; row++) {
      if (changedAt[row]! > version) this.#rows[changed++] = row;
    }
    return changed;
  }

  #evaluateRows(
    nodes: Snapshot,
    { checks, ratings }: Work,
    { found, changed }: { readonly found: Evaluation; readonly changed: number },
  ): void {
    for (let i = 0; i < changed; i++) {
      const row = this.#rows[i]!;
      found.fits[row] = 1;
      for (const { plugin, state } of checks) {
        if (plugin.filter(state, nodes, row) === undefined) continue;
        found.fits[row] = 0;
        break;
      }
      if (found.fits[row] === 0) continue;
      let sum = 0;
      for (const { plugin, state, weight } of ratings) {
        sum += weight * plugin.score(state, nodes, row);
      }
      found.scores[row] = sum;
    }
  }

  #evaluateAll(nodes: Snapshot, { checks, ratings }: Work, { fits, scores }: Evaluation): void {
    const rows = this.#rows;
    sweep(checks, nodes, fits);
    let count = 0;
    for (let row = 0; row < nodes.count; row++) if (fits[row] === 1) rows[count++] = row;
    for (let i = 0; i < count; i++) scores[rows[i]!] = 0;
    for (const { plugin, state, weight } of ratings) {
      const raw = this.#raw;
      if (plugin.scoreAll !== undefined) plugin.scoreAll(state, nodes, { rows, count }, raw);
      else for (let i = 0; i < count; i++) raw[i] = plugin.score(state, nodes, rows[i]!);
      plugin.normalizeScore?.(raw, count);
      for (let i = 0; i < count; i++) scores[rows[i]!]! += weight * raw[i]!;
    }
  }

  #grow(rows: number): void {
    this.#scratch = arraysFor(rows);
    this.#rows = new Int32Array(rows);
    this.#raw = new Float64Array(rows);
    this.#shapes.clear();
  }
}

const arraysFor = (rows: number): Evaluation => ({
  fits: new Uint8Array(rows),
  scores: new Float64Array(rows),
});

function sweep(checks: readonly Check[], nodes: Snapshot, fits: Uint8Array): void {
  const { count } = nodes;
  fits.fill(1, 0, count);
  for (const { plugin, state } of checks) {
    if (plugin.filterAll !== undefined) {
      plugin.filterAll(state, nodes, fits);
      continue;
    }
    for (let row = 0; row < count; row++) {
      if (fits[row] === 1 && plugin.filter(state, nodes, row) !== undefined) fits[row] = 0;
    }
  }
}

/**
 * What the answer on an unchanged row depends on. undefined when a plugin does not say, or scores
 * a row by comparing it with the others.
 */
function shapeOf(pod: PodInfo, { checks, ratings }: Work): string | undefined {
  let shape = '';
  for (const { plugin } of checks) {
    const sign = plugin.sign?.(pod);
    if (sign === undefined) return undefined;
    shape += `${plugin.name}\n${sign}\n`;
  }
  for (const { plugin } of ratings) {
    const sign = plugin.normalizeScore === undefined ? plugin.sign?.(pod) : undefined;
    if (sign === undefined) return undefined;
    shape += `${plugin.name}\n${sign}\n`;
  }
  return shape;
}
