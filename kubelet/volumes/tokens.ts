// Tokens of service accounts for pods, fetched ahead of their end. A token is bound to its pod:
// it is worth nothing once the pod is gone.

import type { Clock } from '../../machinery/clock.ts';
import type { Transport } from '../../machinery/transport.ts';
import type { TokenRequest } from '../../proto/generated/authentication.v1.ts';
import type { Pod, ServiceAccountTokenProjection } from '../../proto/generated/core.v1.ts';
import { SERVICE_ACCOUNTS } from '../../proto/generated/resources.ts';

const LIFETIME_SECONDS = 3600;
/** A fresh one is fetched when this share of the lifetime has passed. */
const REFRESH_SHARE = 0.8;

interface Held {
  readonly token: string;
  readonly refreshMs: number;
}

export class Tokens {
  readonly #transport: Transport;
  readonly #clock: Clock;
  /** By pod uid, then by path in the volume and what was asked for. */
  readonly #held = new Map<string, Map<string, Held>>();

  constructor(transport: Transport, clock: Clock) {
    this.#transport = transport;
    this.#clock = clock;
  }

  async get(pod: Pod, wanted: ServiceAccountTokenProjection): Promise<string> {
    const uid = pod.metadata.uid ?? '';
    const key = JSON.stringify(wanted);
    const held = this.#held.get(uid)?.get(key);
    if (held && held.refreshMs > this.#clock.now()) return held.token;
    try {
      const fresh = await this.#request(pod, wanted);
      const ofPod = this.#held.get(uid) ?? new Map<string, Held>();
      this.#held.set(uid, ofPod.set(key, fresh));
      return fresh.token;
    } catch (error) {
      if (held) return held.token; // Still good for a fifth of its life: ask again next time.
      throw error;
    }
  }

  /** When the earliest of the pod's tokens should be fetched anew. */
  refreshMs(uid: string): number | undefined {
    const times = [...(this.#held.get(uid)?.values() ?? [])].map((held) => held.refreshMs);
    return times.length === 0 ? undefined : Math.min(...times);
  }

  forget(uid: string): void {
    this.#held.delete(uid);
  }

  async #request(
    { metadata, spec }: Pod,
    { audience, expirationSeconds = LIFETIME_SECONDS }: ServiceAccountTokenProjection,
  ): Promise<Held> {
    const name = spec.serviceAccountName || 'default';
    const { namespace, uid } = metadata;
    const request: TokenRequest = {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      metadata: { name, ...(namespace !== undefined && { namespace }) },
      spec: {
        audiences: audience ? [audience] : [],
        expirationSeconds,
        boundObjectRef: {
          apiVersion: 'v1',
          kind: 'Pod',
          name: metadata.name,
          ...(uid !== undefined && { uid }),
        },
      },
    };
    const at = { namespace, name };
    const options = { subresource: 'token', at };
    const answer = await this.#transport.create(SERVICE_ACCOUNTS, request, options);
    const token = answer.status?.token;
    if (!token) throw new Error(`the API gave no token for service account ${namespace}/${name}`);
    const nowMs = this.#clock.now();
    const ends = answer.status?.expirationTimestamp;
    const lifetimeMs = ends ? Date.parse(ends) - nowMs : expirationSeconds * 1000;
    return { token, refreshMs: nowMs + lifetimeMs * REFRESH_SHARE };
  }
}
