// Resource names as column numbers, and what pods request of them.
// cpu is counted in milli-cores, everything else in whole units (bytes, devices), rounded up, so
// that sums of doubles stay exact up to 2^53.

import { parseQuantity, QuantityError } from '../machinery/quantity.ts';
import type { Container, Pod } from '../proto/generated/core.v1.ts';

export const CPU = 0;
export const MEMORY = 1;
export const EPHEMERAL_STORAGE = 2;
export const PODS = 3;

/** A column costs 16 bytes a node; names come from users, so their number has an end. */
const COLUMNS_MAX = 256;
/** Distinct spellings of quantities are few (`100m`, `64Mi`); forget all when they are not. */
const PARSED_MAX = 4096;

/** What a container counts for in scores when it requests nothing: upstream's figures. */
const SCORED_CPU_DEFAULT = 100;
const SCORED_MEMORY_DEFAULT = 200 * 1024 * 1024;

export type ResourceList = Readonly<Record<string, string>>;

export interface Requests {
  /** Column and amount of each resource that is requested at all, `PODS` among them. */
  readonly columns: readonly number[];
  readonly amounts: readonly number[];
  /** With defaults for containers that request nothing: only scores use these. */
  readonly scoredCpu: number;
  readonly scoredMemory: number;
  /** Equal for equal requests. */
  readonly sign: string;
}

/** Numbers resource names in order of appearance; shared by nodes and pods of one scheduler. */
export class ResourceColumns {
  readonly names: string[] = ['cpu', 'memory', 'ephemeral-storage', 'pods'];
  readonly #columns = new Map(this.names.map((name, column) => [name, column]));

  /** -1 when there are too many names already: no node is then said to have it. */
  columnOf(name: string): number {
    const known = this.#columns.get(name);
    if (known !== undefined) return known;
    if (this.names.length >= COLUMNS_MAX) return -1;
    this.#columns.set(name, this.names.length);
    return this.names.push(name) - 1;
  }
}

const parsed = new Map<string, number>();

/** Milli-cores for cpu, whole units rounded up for the rest; 0 for what cannot be read. */
export function amountOf(name: string, quantity: string): number {
  const key = name === 'cpu' ? `c${quantity}` : quantity;
  const known = parsed.get(key);
  if (known !== undefined) return known;
  if (parsed.size >= PARSED_MAX) parsed.clear();
  const amount = parseAmount(name, quantity);
  parsed.set(key, amount);
  return amount;
}

/**
 * The most a pod needs at any time: all its containers together with its sidecars, or one init
 * container beside the sidecars started before it, whichever is more; then the pod-level figures
 * instead where given; then the overhead of its runtime class.
 */
export function requestsOf({ spec }: Pod, columns: ResourceColumns): Requests {
  const total = podTotal(spec.containers, spec.initContainers, (container, name) =>
    exactAmount(container, name),
  );
  for (const [name, quantity] of Object.entries(spec.resources?.requests ?? {})) {
    total.set(name, amountOf(name, quantity));
  }
  const scored = podTotal(spec.containers, spec.initContainers, scoredAmount, ['cpu', 'memory']);
  for (const [name, quantity] of Object.entries(spec.resources?.requests ?? {})) {
    if (scored.has(name)) scored.set(name, amountOf(name, quantity));
  }
  for (const [name, quantity] of Object.entries(spec.overhead ?? {})) {
    const amount = amountOf(name, quantity);
    total.set(name, (total.get(name) ?? 0) + amount);
    if (scored.has(name)) scored.set(name, scored.get(name)! + amount);
  }
  total.set('pods', 1);
  const exact = inColumns(total, columns);
  const scoredCpu = scored.get('cpu') ?? 0;
  const scoredMemory = scored.get('memory') ?? 0;
  const sign = `${exact.columns} ${exact.amounts} ${scoredCpu} ${scoredMemory}`;
  return { ...exact, scoredCpu, scoredMemory, sign };
}

type AmountIn = (container: Container, name: string) => number;

function podTotal(
  containers: readonly Container[],
  inits: readonly Container[] = [],
  amountIn: AmountIn,
  names: Iterable<string> = namesIn(containers, inits),
): Map<string, number> {
  const total = new Map<string, number>();
  for (const name of names) {
    let running = containers.reduce((sum, container) => sum + amountIn(container, name), 0);
    let sidecars = 0;
    let initPeak = 0;
    for (const init of inits) {
      const amount = amountIn(init, name);
      if (init.restartPolicy === 'Always') sidecars += amount;
      initPeak = Math.max(initPeak, init.restartPolicy === 'Always' ? sidecars : sidecars + amount);
    }
    running += sidecars;
    total.set(name, Math.max(running, initPeak));
  }
  return total;
}

function namesIn(...lists: readonly (readonly Container[])[]): Set<string> {
  const names = new Set<string>();
  for (const list of lists) {
    for (const { resources } of list) {
      for (const name in resources?.requests) names.add(name);
    }
  }
  return names;
}

const exactAmount: AmountIn = ({ resources }, name) => {
  const quantity = resources?.requests?.[name];
  return quantity === undefined ? 0 : amountOf(name, quantity);
};

const scoredAmount: AmountIn = ({ resources }, name) => {
  const quantity = resources?.requests?.[name];
  if (quantity !== undefined) return amountOf(name, quantity);
  return name === 'cpu' ? SCORED_CPU_DEFAULT : SCORED_MEMORY_DEFAULT;
};

function inColumns(
  total: ReadonlyMap<string, number>,
  columns: ResourceColumns,
): Pick<Requests, 'columns' | 'amounts'> {
  const wanted = [...total].filter(([, amount]) => amount > 0);
  return {
    columns: wanted.map(([name]) => columns.columnOf(name)),
    amounts: wanted.map(([, amount]) => amount),
  };
}

function parseAmount(name: string, quantity: string): number {
  try {
    const value = parseQuantity(quantity);
    return name === 'cpu' ? value.milliValue() : value.value();
  } catch (error) {
    // The API validates quantities: only a foreign or broken server could send one.
    if (error instanceof QuantityError) return 0;
    throw error;
  }
}
