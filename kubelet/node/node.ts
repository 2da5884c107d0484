// Registers the node and keeps its heart beating: the Lease every 10 s, the status when something
// changed, and every 5 minutes.

import { type Clock, timestampOf } from '../../machinery/clock.ts';
import { deepEqual } from '../../machinery/equality.ts';
import { hasReason } from '../../machinery/errors.ts';
import type { Log } from '../../machinery/log.ts';
import type { Transport } from '../../machinery/transport.ts';
import type { Node, NodeStatus } from '../../proto/generated/core.v1.ts';
import { NODES } from '../../proto/generated/resources.ts';
import { NodeLease, RENEW_MS } from './lease.ts';
import { type NodeFacts, nodeLabelsOf, nodeOf, nodeStatusOf } from './node-object.ts';

const STATUS_MS = 300_000;
/** While the API cannot be reached, or the lease's namespace is not made yet. */
const RETRY_MS = 500;

export interface NodeOptions {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly log: Log;
  readonly facts: () => Promise<NodeFacts>;
}

export class NodeHeart {
  readonly #options: NodeOptions;
  readonly #lease: NodeLease;
  #node: Node | undefined;
  #statusMs = 0;

  constructor(options: NodeOptions) {
    this.#options = options;
    this.#lease = new NodeLease(options.transport, options.clock);
  }

  get isRegistered(): boolean {
    return this.#node !== undefined;
  }

  /** Beats until aborted. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#options;
    let isWell = true;
    while (!signal.aborted) {
      try {
        await this.#beat();
        if (!isWell) log.info('the node is heard again');
        isWell = true;
      } catch (error) {
        if (signal.aborted) return;
        if (isWell) log.warn('the node cannot tell that it is alive', { error });
        isWell = false;
      }
      await clock.sleep(isWell ? RENEW_MS : RETRY_MS, signal).catch(() => {});
    }
  }

  async #beat(): Promise<void> {
    const facts = await this.#options.facts();
    const node = this.#node ?? (await this.#register(facts));
    this.#node = node;
    await this.#tellStatus(node, facts);
    try {
      await this.#lease.renew(node);
    } catch (error) {
      if (hasReason(error, 'NotFound')) this.#node = undefined; // Was it removed from the cluster?
      throw error;
    }
  }

  async #register(facts: NodeFacts): Promise<Node> {
    const { transport, clock, log } = this.#options;
    const wanted = nodeOf(facts, timestampOf(clock.now()));
    try {
      const made = await transport.create(NODES, wanted);
      log.info('registered the node', { node: facts.name, ip: facts.ip });
      return made;
    } catch (error) {
      if (!hasReason(error, 'AlreadyExists')) throw error;
    }
    const at = { name: facts.name };
    const found = await transport.get(NODES, at);
    const labels = nodeLabelsOf(facts);
    const has = Object.entries(labels).every(
      ([key, value]) => found.metadata.labels?.[key] === value,
    );
    if (has && found.spec.podCIDR === facts.podCidr) return found;
    const body = {
      metadata: { labels },
      ...(found.spec.podCIDR === undefined && { spec: wanted.spec }),
    };
    return transport.patch(NODES, at, { type: 'merge', body });
  }

  async #tellStatus(node: Node, facts: NodeFacts): Promise<void> {
    const { transport, clock } = this.#options;
    const nowMs = clock.now();
    const status = nodeStatusOf(facts, node.status?.conditions ?? [], timestampOf(nowMs));
    const isDue = nowMs - this.#statusMs >= STATUS_MS;
    if (!isDue && isSame(node.status ?? {}, status)) return;
    const patch = { type: 'strategic', body: { status } } as const;
    const at = { name: node.metadata.name };
    try {
      this.#node = await transport.patch(NODES, at, patch, { subresource: 'status' });
      this.#statusMs = nowMs;
    } catch (error) {
      if (hasReason(error, 'NotFound')) this.#node = undefined;
      throw error;
    }
  }
}

/** Heartbeat times alone are no news: the lease tells them. */
function isSame(told: NodeStatus, status: NodeStatus): boolean {
  const { conditions = [], ...rest } = status;
  const isRestSame = Object.entries(rest).every(([key, value]) =>
    deepEqual(told[key as keyof NodeStatus], value),
  );
  return (
    isRestSame &&
    conditions.every((mine) =>
      (told.conditions ?? []).some(
        ({ type, status: state, reason, message }) =>
          type === mine.type &&
          state === mine.status &&
          reason === mine.reason &&
          message === mine.message,
      ),
    )
  );
}
