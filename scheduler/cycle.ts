// One pod, one decision, over the snapshot as it is: nothing is changed and nothing awaited.
//
//   preFilter → filter (all rows) ─ some fit → preScore → score → normalize → the best row
//                                 └ none fit → ask each filter again, row by row, for its reason

import type { Random } from '../machinery/random.ts';
import type { FilterPlugin, Plugin, Refusal, ScorePlugin } from './framework.ts';
import type { PodInfo } from './pod-info.ts';
import type { Profile } from './profile.ts';
import { type Refusals, refusalMessage } from './refusals.ts';
import type { Snapshot } from './snapshot.ts';

export type Decision =
  | { readonly kind: 'place'; readonly nodeName: string; readonly feasible: number }
  | {
      readonly kind: 'refuse';
      readonly message: string;
      /** Names of the plugins that refused a node: their hints may wake the pod. */
      readonly refusedBy: ReadonlySet<string>;
    };

export type Decide = (pod: PodInfo, nodes: Snapshot) => Decision;

type Filter = FilterPlugin<unknown>;
type Scorer = ScorePlugin<unknown>;

interface Check {
  readonly plugin: Filter;
  readonly state: unknown;
}

/** Buffers of one decider, reused by every decision. */
interface Scratch {
  fits: Uint8Array;
  rows: Int32Array;
  scores: Float64Array;
  totals: Float64Array;
}

export function createDecide({ plugins }: Profile, random: Random): Decide {
  const filters = plugins.map(({ plugin }) => plugin).filter(isFilter);
  const postFilters = plugins.map(({ plugin }) => plugin).filter(({ postFilter }) => postFilter);
  const scorers = plugins.flatMap(({ plugin, weight = 1 }) =>
    isScorer(plugin) && weight !== 0 ? [{ plugin, weight }] : [],
  );
  let scratch = scratchFor(64);

  return (pod, nodes) => {
    if (nodes.count > scratch.fits.length) scratch = scratchFor(2 * nodes.count);
    const prepared = prepare(pod, nodes, filters);
    if (!Array.isArray(prepared)) return refusedOutright(nodes, prepared);
    const count = sweep(prepared, nodes, scratch);
    if (count === 0) return explain(pod, nodes, { checks: prepared, postFilters });
    if (count > 1) scoreRows(pod, nodes, { scorers, count, scratch });
    const best = count === 1 ? 0 : highest(scratch.totals, count, random);
    return { kind: 'place', nodeName: nodes.nameOf(scratch.rows[best]!), feasible: count };
  };
}

const isFilter = (plugin: Plugin): plugin is Plugin & Filter => plugin.filter !== undefined;
const isScorer = (plugin: Plugin): plugin is Plugin & Scorer => plugin.score !== undefined;

const scratchFor = (rows: number): Scratch => ({
  fits: new Uint8Array(rows),
  rows: new Int32Array(rows),
  scores: new Float64Array(rows),
  totals: new Float64Array(rows),
});

interface Outright {
  readonly plugin: string;
  readonly refusal: Refusal;
}

/** What is left to check node by node, or who refused the pod as such. */
function prepare(pod: PodInfo, nodes: Snapshot, filters: readonly Filter[]): Check[] | Outright {
  const checks: Check[] = [];
  for (const plugin of filters) {
    const answer = plugin.preFilter?.(pod, nodes);
    if (answer === undefined) checks.push({ plugin, state: pod });
    else if (answer.kind === 'check') checks.push({ plugin, state: answer.state });
    else if (answer.kind === 'refuse') return { plugin: plugin.name, refusal: answer.refusal };
  }
  return checks;
}

/** Fills `scratch.rows` with the rows that pass every check; answers how many. */
function sweep(checks: readonly Check[], nodes: Snapshot, { fits, rows }: Scratch): number {
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
  let passed = 0;
  for (let row = 0; row < count; row++) if (fits[row] === 1) rows[passed++] = row;
  return passed;
}

interface Ranking {
  readonly scorers: readonly { readonly plugin: Scorer; readonly weight: number }[];
  readonly count: number;
  readonly scratch: Scratch;
}

function scoreRows(pod: PodInfo, nodes: Snapshot, { scorers, count, scratch }: Ranking): void {
  const { rows, scores, totals } = scratch;
  totals.fill(0, 0, count);
  for (const { plugin, weight } of scorers) {
    const prepared = plugin.preScore?.(pod, nodes);
    if (prepared !== undefined && prepared.kind !== 'check') continue;
    const state = prepared === undefined ? pod : prepared.state;
    if (plugin.scoreAll !== undefined) plugin.scoreAll(state, nodes, { rows, count }, scores);
    else for (let i = 0; i < count; i++) scores[i] = plugin.score(state, nodes, rows[i]!);
    plugin.normalizeScore?.(scores, count);
    for (let i = 0; i < count; i++) totals[i]! += weight * scores[i]!;
  }
}

/** Among equals chance decides, so that no node is favoured by its name. */
function highest(totals: Float64Array, count: number, random: Random): number {
  let best = 0;
  let equals = 1;
  for (let i = 1; i < count; i++) {
    if (totals[i]! > totals[best]!) {
      best = i;
      equals = 1;
    } else if (totals[i] === totals[best]) equals++;
  }
  if (equals === 1) return best;
  let skip = Math.floor(random.fraction() * equals);
  for (let i = best; i < count; i++) if (totals[i] === totals[best] && skip-- === 0) return i;
  return best;
}

function refusedOutright(nodes: Snapshot, { plugin, refusal }: Outright): Decision {
  return {
    kind: 'refuse',
    message: refusalMessage(nodes.count, { outright: refusal, byNode: new Map() }),
    refusedBy: new Set([plugin]),
  };
}

interface Asked {
  readonly checks: readonly Check[];
  readonly postFilters: readonly Plugin[];
}

function explain(pod: PodInfo, nodes: Snapshot, { checks, postFilters }: Asked): Decision {
  const refusedBy = new Set<string>();
  const byNode = new Map<Refusal, number>();
  for (let row = 0; row < nodes.count; row++) {
    for (const { plugin, state } of checks) {
      const refusal = plugin.filter(state, nodes, row);
      if (refusal === undefined) continue;
      byNode.set(refusal, (byNode.get(refusal) ?? 0) + 1);
      refusedBy.add(plugin.name);
      break;
    }
  }
  // Without nodes nobody refused, but whoever looks at nodes may welcome one.
  if (nodes.count === 0) for (const { plugin } of checks) refusedBy.add(plugin.name);
  const refusals: Refusals = { byNode, note: firstNote(pod, nodes, postFilters) };
  return { kind: 'refuse', message: refusalMessage(nodes.count, refusals), refusedBy };
}

function firstNote(pod: PodInfo, nodes: Snapshot, plugins: readonly Plugin[]): string | undefined {
  for (const plugin of plugins) {
    const note = plugin.postFilter?.(pod, nodes);
    if (note !== undefined) return note;
  }
  return undefined;
}
