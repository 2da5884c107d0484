// The node's own last word on a pod that was bound to it: schedulers can be late or wrong.
// A pod that does not fit is Failed, for good; its owner makes another.

import { milliValueOf } from '../../machinery/quantity.ts';
import type { Pod } from '../../proto/generated/core.v1.ts';
import { initSpecsOf, isSidecar, type Verdict } from './view.ts';

const ANY_ADDRESS = '0.0.0.0';

export type Amounts = ReadonlyMap<string, number>;

/** In thousandths of each resource's unit. */
export type Allocatable = Readonly<Record<string, string>>;

export function planAdmission(
  pod: Pod,
  others: readonly Pod[],
  allocatable: Allocatable,
): Verdict | undefined {
  const podsMax = Number(allocatable.pods ?? Number.POSITIVE_INFINITY);
  if (others.length + 1 > podsMax) {
    return outOf('pods', { requested: 1, used: others.length, capacity: podsMax });
  }
  const used = sumOf(others.map(requestsOf));
  for (const [name, requested] of requestsOf(pod)) {
    if (requested === 0) continue;
    const capacity = milliValueOf(allocatable[name]);
    const before = used.get(name) ?? 0;
    if (before + requested <= capacity) continue;
    const unit = name === 'cpu' ? 1 : 1000;
    return outOf(name, {
      requested: requested / unit,
      used: before / unit,
      capacity: capacity / unit,
    });
  }
  return portConflict(pod, others);
}

function outOf(
  name: string,
  { requested, used, capacity }: { requested: number; used: number; capacity: number },
): Verdict {
  const numbers = `requested: ${requested}, used: ${used}, capacity: ${capacity}`;
  return {
    reason: `OutOf${name}`,
    message: `Pod was rejected: Node didn't have enough resource: ${name}, ${numbers}`,
  };
}

/** Init containers run one by one beside the sidecars before them; the rest run together. */
export function requestsOf({ spec }: Pod): Amounts {
  const together = new Map<string, number>();
  const peaks = new Map<string, number>();
  for (const init of spec.initContainers ?? []) {
    for (const [name, text] of Object.entries(init.resources?.requests ?? {})) {
      const amount = milliValueOf(text) + (together.get(name) ?? 0);
      peaks.set(name, Math.max(peaks.get(name) ?? 0, amount));
      if (isSidecar(init)) together.set(name, amount);
    }
  }
  for (const { resources } of spec.containers) {
    for (const [name, text] of Object.entries(resources?.requests ?? {})) {
      together.set(name, (together.get(name) ?? 0) + milliValueOf(text));
    }
  }
  for (const [name, peak] of peaks) {
    together.set(name, Math.max(together.get(name) ?? 0, peak));
  }
  for (const [name, text] of Object.entries(spec.overhead ?? {})) {
    together.set(name, (together.get(name) ?? 0) + milliValueOf(text));
  }
  return together;
}

function sumOf(all: readonly Amounts[]): Amounts {
  const sum = new Map<string, number>();
  for (const amounts of all) {
    for (const [name, amount] of amounts) sum.set(name, (sum.get(name) ?? 0) + amount);
  }
  return sum;
}

function portConflict(pod: Pod, others: readonly Pod[]): Verdict | undefined {
  const taken = others.flatMap(hostPortsOf);
  const clashes = hostPortsOf(pod).some((port) => taken.some((other) => areSame(port, other)));
  if (!clashes) return undefined;
  return {
    reason: 'NodePorts',
    message:
      "Pod was rejected: Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports",
  };
}

interface TakenPort {
  readonly ip: string;
  readonly port: string;
}

const hostPortsOf = (pod: Pod): TakenPort[] =>
  [...pod.spec.containers, ...initSpecsOf(pod).filter(isSidecar)].flatMap(({ ports = [] }) =>
    ports
      .filter(({ hostPort }) => hostPort !== undefined && hostPort > 0)
      .map(({ hostPort, protocol = 'TCP', hostIP }) => ({
        ip: hostIP || ANY_ADDRESS,
        port: `${hostPort}/${protocol}`,
      })),
  );

/** A port on all addresses is taken on each of them. */
const areSame = (a: TakenPort, b: TakenPort): boolean =>
  a.port === b.port && (a.ip === b.ip || a.ip === ANY_ADDRESS || b.ip === ANY_ADDRESS);
