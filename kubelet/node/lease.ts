// The cheap heartbeat: a Lease of the node's own name, renewed every ten seconds.

import { type Clock, microTimestampOf } from '../../machinery/clock.ts';
import { hasReason } from '../../machinery/errors.ts';
import type { Transport } from '../../machinery/transport.ts';
import type { Lease } from '../../proto/generated/coordination.v1.ts';
import type { Node } from '../../proto/generated/core.v1.ts';
import { LEASES } from '../../proto/generated/resources.ts';

export const RENEW_MS = 10_000;
const NAMESPACE = 'kube-node-lease';
const DURATION_SECONDS = 40;

export class NodeLease {
  readonly #transport: Transport;
  readonly #clock: Clock;
  #held: Lease | undefined;

  constructor(transport: Transport, clock: Clock) {
    this.#transport = transport;
    this.#clock = clock;
  }

  async renew({ metadata: { name, uid } }: Node): Promise<void> {
    const renewTime = microTimestampOf(this.#clock.now());
    try {
      const held = this.#held ?? (await this.#find(name));
      const spec = { holderIdentity: name, leaseDurationSeconds: DURATION_SECONDS, renewTime };
      if (held) {
        const lease = { ...held, spec: { ...held.spec, ...spec } };
        this.#held = await this.#transport.update(LEASES, lease);
        return;
      }
      const owner = { apiVersion: 'v1', kind: 'Node', name, uid: uid ?? '' };
      this.#held = await this.#transport.create(LEASES, {
        apiVersion: 'coordination.k8s.io/v1',
        kind: 'Lease',
        metadata: { name, namespace: NAMESPACE, ownerReferences: [owner] },
        spec,
      });
    } catch (error) {
      this.#held = undefined; // Somebody wrote or removed it: look again next time.
      throw error;
    }
  }

  async #find(name: string): Promise<Lease | undefined> {
    try {
      return await this.#transport.get(LEASES, { namespace: NAMESPACE, name });
    } catch (error) {
      if (hasReason(error, 'NotFound')) return undefined;
      throw error;
    }
  }
}
