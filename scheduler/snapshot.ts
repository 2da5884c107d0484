// The nodes as a struct of arrays: one row a node, one typed array a property, so that a filter is
// a tight loop. There is one snapshot, kept current in place; a scheduling cycle is synchronous, so
// nothing moves under it. Rows stay dense: the last one moves into the place of a removed one, so
// row numbers hold for one cycle only, and arrays are replaced when they grow.

import type { Node, Taint } from '../proto/generated/core.v1.ts';
import type { HostPort, PodInfo } from './pod-info.ts';
import { amountOf, type Requests, ResourceColumns } from './resources.ts';

const ROWS_AT_FIRST = 64;
const NO_TAINTS: readonly Taint[] = [];

export class Snapshot {
  readonly columns = new ResourceColumns();
  /** By resource column, then row. */
  readonly allocatable: Float64Array[] = [];
  readonly requested: Float64Array[] = [];
  /** With defaults for containers that request nothing; by row. */
  scoredCpu: Float64Array = new Float64Array(ROWS_AT_FIRST);
  scoredMemory: Float64Array = new Float64Array(ROWS_AT_FIRST);
  /** 1 for a cordoned node; by row. */
  unschedulable: Uint8Array = new Uint8Array(ROWS_AT_FIRST);
  /** Index into `taintSets`; by row. */
  taintSet: Int32Array = new Int32Array(ROWS_AT_FIRST);
  /** Distinct lists of taints; the first is the empty one. Nodes share few of them. */
  readonly taintSets: (readonly Taint[])[] = [NO_TAINTS];
  /** Grows with every change; `changedAt` says for each row when it last did. */
  version = 0;
  changedAt: Float64Array = new Float64Array(ROWS_AT_FIRST);
  readonly nodes: Node[] = [];
  readonly hostPorts: HostPort[][] = [];
  /** How many nodes are cordoned, how many carry taints: filters skip themselves at 0. */
  unschedulableCount = 0;
  taintedCount = 0;

  readonly #rows = new Map<string, number>();
  readonly #taintSetIds = new Map<string, number>([['[]', 0]]);
  #capacity = ROWS_AT_FIRST;

  get count(): number {
    return this.nodes.length;
  }

  /** -1 when there is no such node. */
  rowOf(nodeName: string): number {
    return this.#rows.get(nodeName) ?? -1;
  }

  nameOf(row: number): string {
    return this.nodes[row]!.metadata.name;
  }

  /** Adds the node or takes over its new state; its pods are kept. */
  putNode(node: Node): void {
    const known = this.#rows.get(node.metadata.name);
    const row = known ?? this.#appendRow(node);
    this.nodes[row] = node;
    this.#touch(row);
    this.#setUnschedulable(row, node.spec.unschedulable === true);
    this.#setTaints(row, node.spec.taints ?? NO_TAINTS);
    for (const column of this.allocatable) column[row] = 0;
    for (const [name, quantity] of Object.entries(node.status?.allocatable ?? {})) {
      const column = this.#column(this.columns.columnOf(name));
      if (column !== undefined) this.allocatable[column]![row] = amountOf(name, quantity);
    }
  }

  removeNode(nodeName: string): void {
    const row = this.#rows.get(nodeName);
    if (row === undefined) return;
    this.#setUnschedulable(row, false);
    this.#setTaints(row, NO_TAINTS);
    const last = this.count - 1;
    if (row !== last) {
      for (const array of this.#arrays()) array[row] = array[last]!;
      this.nodes[row] = this.nodes[last]!;
      this.hostPorts[row] = this.hostPorts[last]!;
      this.#rows.set(this.nameOf(row), row);
      this.#touch(row);
    }
    this.nodes.pop();
    this.hostPorts.pop();
    this.#rows.delete(nodeName);
    for (const array of this.#arrays()) array[last] = 0;
  }

  addPod(row: number, { requests, hostPorts }: PodInfo): void {
    this.#touch(row);
    this.#charge(row, requests, 1);
    if (hostPorts.length > 0) this.hostPorts[row]!.push(...hostPorts);
  }

  removePod(row: number, { requests, hostPorts }: PodInfo): void {
    this.#touch(row);
    this.#charge(row, requests, -1);
    for (const { ip, protocol, port } of hostPorts) {
      const held = this.hostPorts[row]!;
      const at = held.findIndex(
        (it) => it.ip === ip && it.protocol === protocol && it.port === port,
      );
      if (at >= 0) held.splice(at, 1);
    }
  }

  #touch(row: number): void {
    this.changedAt[row] = ++this.version;
  }

  #charge(row: number, { columns, amounts, scoredCpu, scoredMemory }: Requests, sign: 1 | -1) {
    for (let i = 0; i < columns.length; i++) {
      const column = this.#column(columns[i]!);
      if (column !== undefined) this.requested[column]![row]! += sign * amounts[i]!;
    }
    this.scoredCpu[row]! += sign * scoredCpu;
    this.scoredMemory[row]! += sign * scoredMemory;
  }

  #appendRow(node: Node): number {
    const row = this.count;
    if (row === this.#capacity) this.#grow(this.#capacity * 2);
    this.nodes.push(node);
    this.hostPorts.push([]);
    this.#rows.set(node.metadata.name, row);
    return row;
  }

  #setUnschedulable(row: number, isUnschedulable: boolean): void {
    const next = isUnschedulable ? 1 : 0;
    this.unschedulableCount += next - this.unschedulable[row]!;
    this.unschedulable[row] = next;
  }

  #setTaints(row: number, taints: readonly Taint[]): void {
    const next = this.#taintSetId(taints);
    this.taintedCount += (next === 0 ? 0 : 1) - (this.taintSet[row] === 0 ? 0 : 1);
    this.taintSet[row] = next;
  }

  /** Sets that no node carries any more are kept until there are far more sets than nodes. */
  #taintSetId(taints: readonly Taint[]): number {
    const key = JSON.stringify(taints.map(({ key, value = '', effect }) => [key, value, effect]));
    const known = this.#taintSetIds.get(key);
    if (known !== undefined) return known;
    if (this.taintSets.length > 2 * this.#capacity) this.#forgetUnusedTaintSets();
    const id = this.taintSets.push(taints) - 1;
    this.#taintSetIds.set(key, id);
    return id;
  }

  #forgetUnusedTaintSets(): void {
    const old = [...this.taintSets];
    const oldIds = new Map([...this.#taintSetIds].map(([key, id]) => [id, key]));
    this.taintSets.length = 1;
    this.#taintSetIds.clear();
    this.#taintSetIds.set('[]', 0);
    for (let row = 0; row < this.count; row++) {
      const key = oldIds.get(this.taintSet[row]!)!;
      let id = this.#taintSetIds.get(key);
      if (id === undefined) {
        id = this.taintSets.push(old[this.taintSet[row]!]!) - 1;
        this.#taintSetIds.set(key, id);
      }
      this.taintSet[row] = id;
    }
  }

  /** Makes the arrays of this column and those before it exist. */
  #column(column: number): number | undefined {
    if (column < 0) return undefined;
    while (this.allocatable.length <= column) {
      this.allocatable.push(new Float64Array(this.#capacity));
      this.requested.push(new Float64Array(this.#capacity));
    }
    return column;
  }

  #arrays(): readonly (Float64Array | Uint8Array | Int32Array)[] {
    return [
      ...this.allocatable,
      ...this.requested,
      this.scoredCpu,
      this.scoredMemory,
      this.changedAt,
      this.unschedulable,
      this.taintSet,
    ];
  }

  #grow(capacity: number): void {
    const widened = <A extends Float64Array | Uint8Array | Int32Array>(to: A, from: A): A => {
      to.set(from);
      return to;
    };
    const doubles = (from: Float64Array) => widened(new Float64Array(capacity), from);
    for (const columns of [this.allocatable, this.requested]) {
      for (let i = 0; i < columns.length; i++) columns[i] = doubles(columns[i]!);
    }
    this.scoredCpu = doubles(this.scoredCpu);
    this.scoredMemory = doubles(this.scoredMemory);
    this.changedAt = doubles(this.changedAt);
    this.unschedulable = widened(new Uint8Array(capacity), this.unschedulable);
    this.taintSet = widened(new Int32Array(capacity), this.taintSet);
    this.#capacity = capacity;
  }
}
