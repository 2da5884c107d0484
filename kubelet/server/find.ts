// Which run of which container a request means.

import type { PodRecord } from '../pods/record.ts';
import type { Records } from '../pods/records.ts';
import { hasEnded, isRunning, runsOf } from '../pods/view.ts';
import type { Container, Runtime } from '../runtime/runtime.ts';

/** What the server needs of a node; a process of hollow nodes has many. */
export interface ServedNode {
  readonly nodeName: string;
  readonly runtime: Runtime;
  readonly records: Records;
}

export interface FoundPod {
  readonly node: ServedNode;
  readonly record: PodRecord;
}

/** An answer with a status of its own. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

export function findPod(nodes: readonly ServedNode[], namespace: string, name: string): FoundPod {
  for (const node of nodes) {
    for (const record of node.records.all()) {
      if (record.ref.name === name && record.ref.namespace === namespace && record.pod) {
        return { node, record };
      }
    }
  }
  throw new Refusal(404, `pod ${name}_${namespace} is not on this node`);
}

export function runToRead({ record }: FoundPod, container: string, isPrevious: boolean): Container {
  const runs = runsOf({ containers: [...record.containers.values()] }, container);
  const of = `container "${container}" in pod "${record.ref.name}"`;
  const ran = runs.filter((run) => isRunning(run) || run.state === 'exited');
  if (isPrevious) {
    const past = ran.slice(1).find(hasEnded);
    if (past) return past;
    throw new Refusal(400, `previous terminated ${of} not found`);
  }
  if (ran[0]) return ran[0];
  const waiting = record.waiting.get(container)?.reason ?? 'ContainerCreating';
  throw new Refusal(400, `${of} is waiting to start: ${waiting}`);
}

export function runToEnter({ record }: FoundPod, container: string): Container {
  const [run] = runsOf({ containers: [...record.containers.values()] }, container);
  if (run && isRunning(run)) return run;
  throw new Refusal(404, `container not found ("${container}")`);
}
