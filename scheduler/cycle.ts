// One pod, one decision, over the snapshot as it is: nothing is changed and nothing awaited.
//
//   preFilter → filter, preScore → score (evaluation.ts) ─ some fit → the best row
//                        └ none fit → ask each filter again, row by row, for its reason

import type { Random } from '../machinery/random.ts';
import { type Check, type Evaluation, Evaluator, type Rating } from './evaluation.ts';
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
type Scorer = { readonly plugin: ScorePlugin<unknown>; readonly weight: number };

export function createDecide({ plugins, tieBreak }: Profile, random: Random): Decide {
  const filters = plugins.map(({ plugin }) => plugin).filter(isFilter);
  const postFilters = plugins.map(({ plugin }) => plugin).filter(({ postFilter }) => postFilter);
  const scorers = plugins.flatMap(({ plugin, weight = 1 }) =>
    isScorer(plugin) && weight !== 0 ? [{ plugin, weight }] : [],
  );
  const evaluator = new Evaluator();

  return (pod, nodes) => {
    const checks = prepareChecks(pod, nodes, filters);
    if (!Array.isArray(checks)) return refusedOutright(nodes, checks);
    const ratings = prepareRatings(pod, nodes, scorers);
    const evaluation = evaluator.evaluate(pod, nodes, { checks, ratings });
    const { row, feasible } = best(
      evaluation,
      nodes.count,
      tieBreak === 'first' ? undefined : random,
    );
    if (feasible === 0) return explain(pod, nodes, { checks, postFilters });
    return { kind: 'place', nodeName: nodes.nameOf(row), feasible };
  };
}

const isFilter = (plugin: Plugin): plugin is Plugin & Filter => plugin.filter !== undefined;
const isScorer = (plugin: Plugin): plugin is Plugin & ScorePlugin<unknown> =>
  plugin.score !== undefined;

interface Outright {
  readonly plugin: string;
  readonly refusal: Refusal;
}

/** What is left to check node by node, or who refused the pod as such. */
function prepareChecks(
  pod: PodInfo,
  nodes: Snapshot,
  filters: readonly Filter[],
): Check[] | Outright {
  const checks: Check[] = [];
  for (const plugin of filters) {
    const answer = plugin.preFilter?.(pod, nodes);
    if (answer === undefined) checks.push({ plugin, state: pod });
    else if (answer.kind === 'check') checks.push({ plugin, state: answer.state });
    else if (answer.kind === 'refuse') return { plugin: plugin.name, refusal: answer.refusal };
  }
  return checks;
}

function prepareRatings(pod: PodInfo, nodes: Snapshot, scorers: readonly Scorer[]): Rating[] {
  const ratings: Rating[] = [];
  for (const { plugin, weight } of scorers) {
    const answer = plugin.preScore?.(pod, nodes);
    if (answer === undefined) ratings.push({ plugin, weight, state: pod });
    else if (answer.kind === 'check') ratings.push({ plugin, weight, state: answer.state });
  }
  return ratings;
}

/** Among equals chance decides, or without it the first. */
function best({ fits, scores }: Evaluation, count: number, random: Random | undefined) {
  let row = -1;
  let top = Number.NEGATIVE_INFINITY;
  let equals = 0;
  let feasible = 0;
  for (let i = 0; i < count; i++) {
    if (fits[i] === 0) continue;
    feasible++;
    if (scores[i]! > top) {
      top = scores[i]!;
      row = i;
      equals = 1;
    } else if (scores[i] === top) equals++;
  }
  if (equals < 2 || random === undefined) return { row, feasible };
  let skip = Math.floor(random.fraction() * equals);
  while (skip > 0) {
    row++;
    if (fits[row] === 1 && scores[row] === top) skip--;
  }
  return { row, feasible };
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
