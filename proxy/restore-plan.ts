// What to tell `iptables-restore --noflush` so that the rules become the wanted ones. Pure.
//
//   planUpdate   from what we wrote last: only the chains that changed
//   planRewrite  from what the machine has: everything of ours, and what is stale goes
//   planCleanup  nothing of ours stays
//
// Each table is one transaction: traffic sees the old rules or the new ones, nothing between.

import type { Chains } from './chains.ts';
import type { Jump, RuleSet, TableChains } from './rules.ts';
import { NO_TABLE, type Saved, type SavedTable } from './saved-rules.ts';

const TABLES = ['nat', 'filter'] as const;
type Table = (typeof TABLES)[number];

/** Docker keeps this chain for others' rules and lets it come before its own isolation. */
const DOCKER_HOOK = 'DOCKER-USER';

/** Empty when there is nothing to do. */
export function planUpdate(written: RuleSet, wanted: RuleSet): string {
  return TABLES.map((table) => {
    const plan = emptyPlan();
    for (const [chain, rules] of wanted[table]) {
      changeChain(plan, { chain, rules, before: written[table].get(chain), set: wanted.unordered });
    }
    for (const chain of written[table].keys()) {
      if (!wanted[table].has(chain)) dropChain(plan, chain);
    }
    return textOf(table, plan);
  }).join('');
}

export function planRewrite(saved: Saved, wanted: RuleSet, chains: Chains): string {
  return TABLES.map((table) => {
    const present = saved.get(table) ?? NO_TABLE;
    const plan = emptyPlan();
    for (const [chain, rules] of wanted[table]) writeChain(plan, chain, rules);
    const jumps = wanted.jumps.filter((jump) => jump.table === table);
    plan.edits.push(...jumpEdits(present, jumps, chains));
    for (const chain of present.chains.keys()) {
      if (chains.isOurs(chain) && !wanted[table].has(chain)) dropChain(plan, chain);
    }
    return textOf(table, plan);
  }).join('');
}

export function planCleanup(saved: Saved, chains: Chains): string {
  return TABLES.map((table) => {
    const present = saved.get(table) ?? NO_TABLE;
    const plan = emptyPlan();
    plan.edits.push(...jumpEdits(present, [], chains));
    for (const chain of present.chains.keys()) if (chains.isOurs(chain)) dropChain(plan, chain);
    return textOf(table, plan);
  }).join('');
}

/** Has somebody changed our rules? Compares numbers, since texts come back in another form. */
export function isIntact(saved: Saved, wanted: RuleSet, chains: Chains): boolean {
  return TABLES.every((table) => {
    const present = saved.get(table) ?? NO_TABLE;
    const jumps = wanted.jumps.filter((jump) => jump.table === table);
    if (jumpEdits(present, jumps, chains).length > 0) return false;
    const ours = [...present.chains.keys()].filter((chain) => chains.isOurs(chain));
    return (
      ours.length === wanted[table].size && ours.every((it) => sameSize(it, present, wanted[table]))
    );
  });
}

const sameSize = (chain: string, present: SavedTable, wanted: TableChains): boolean =>
  present.chains.get(chain)?.length === wanted.get(chain)?.length;

interface TablePlan {
  /** Chains to create or to empty. */
  readonly fresh: string[];
  readonly appends: string[];
  readonly edits: string[];
  readonly drops: string[];
}

const emptyPlan = (): TablePlan => ({ fresh: [], appends: [], edits: [], drops: [] });

/** Rules before removals, and references before the chains that they lead to. */
function textOf(table: Table, { fresh, appends, edits, drops }: TablePlan): string {
  const lines = [
    ...fresh.map((chain) => `:${chain} - [0:0]`),
    ...appends,
    ...edits,
    ...drops.map((chain) => `-X ${chain}`),
  ];
  return lines.length === 0 ? '' : `*${table}\n${lines.join('\n')}\nCOMMIT\n`;
}

function writeChain({ fresh, appends }: TablePlan, chain: string, rules: readonly string[]): void {
  fresh.push(chain);
  for (const rule of rules) appends.push(`-A ${chain} ${rule}`);
}

function dropChain({ fresh, drops }: TablePlan, chain: string): void {
  fresh.push(chain);
  drops.push(chain);
}

interface ChainChange {
  readonly chain: string;
  readonly rules: readonly string[];
  readonly before: readonly string[] | undefined;
  readonly set: ReadonlySet<string>;
}

function changeChain(plan: TablePlan, { chain, rules, before, set }: ChainChange): void {
  if (before === rules) return;
  if (before?.length === rules.length && before.every((rule, i) => rule === rules[i])) return;
  const edits = before !== undefined && set.has(chain) ? editsOf(chain, before, rules) : undefined;
  if (edits === undefined) writeChain(plan, chain, rules);
  else plan.edits.push(...edits);
}

/** undefined when writing the chain anew costs less: each edit searches the chain. */
function editsOf(
  chain: string,
  before: readonly string[],
  rules: readonly string[],
): readonly string[] | undefined {
  const [old, next] = [new Set(before), new Set(rules)];
  const removed = before.filter((rule) => !next.has(rule));
  const added = rules.filter((rule) => !old.has(rule));
  if ((removed.length + added.length) * 4 > rules.length) return undefined;
  return [
    ...removed.map((rule) => `-D ${chain} ${rule}`),
    ...added.map((rule) => `-I ${chain} 1 ${rule}`),
  ];
}

/** Makes each jump be there once, as the first rule that leads to it, and no others of ours. */
function jumpEdits(present: SavedTable, jumps: readonly Jump[], chains: Chains): readonly string[] {
  const wanted = new Set(jumps.map((jump) => `${hookOf(jump, present)} ${jump.to}`));
  const edits: string[] = [];
  for (const [chain, rules] of present.chains) {
    if (chains.isOurs(chain)) continue;
    for (const rule of rules) {
      const to = /(?:^| )-j (\S+)$/.exec(rule)?.[1];
      if (to === undefined || !chains.isOurs(to)) continue;
      if (!wanted.delete(`${chain} ${to}`)) edits.push(`-D ${chain} ${rule}`);
    }
  }
  for (const jump of wanted) {
    const [chain, to] = jump.split(' ');
    edits.push(`-I ${chain} 1 -j ${to}`);
  }
  return edits;
}

const hookOf = ({ from }: Jump, { chains }: SavedTable): string =>
  from === 'FORWARD' && chains.has(DOCKER_HOOK) ? DOCKER_HOOK : from;
