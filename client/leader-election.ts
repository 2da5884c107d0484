// At most one leader, by a Lease that it must renew:
//
//   follow ─ free or stale ─► acquire ─► lead(signal) ─ cannot renew in time ─► stop, follow again
//
// Whether a lease is stale is measured on our own clock since we last saw it change: clocks of
// other machines are not trusted. A leader that cannot renew stops before another may begin.

import { type Clock, microTimestampOf } from '../machinery/clock.ts';
import { hasReason, StatusError } from '../machinery/errors.ts';
import type { Log } from '../machinery/log.ts';
import type { Random } from '../machinery/random.ts';
import type { Transport } from '../machinery/transport.ts';
import type { Lease, LeaseSpec } from '../proto/generated/coordination.v1.ts';
import { LEASES } from '../proto/generated/resources.ts';
import { BackOff } from './back-off.ts';

export interface ElectionOptions {
  readonly transport: Transport;
  readonly namespace: string;
  readonly name: string;
  /** Nobody else may use it at the same time; who comes back under it leads again at once. */
  readonly identity: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly timing?: ElectionTiming;
}

export interface ElectionTiming {
  /** Others wait this long after the last renewal that they saw. */
  readonly leaseMs: number;
  /** A leader that could not renew for this long stops. Less than `leaseMs`. */
  readonly renewWithinMs: number;
  readonly retryMs: number;
}

/** While no server has answered; doubles up to `retryMs`. */
const FIRST_RETRY_MS = 50;
const TIMING: ElectionTiming = { leaseMs: 15_000, renewWithinMs: 10_000, retryMs: 2_000 };

/** Calls `lead` whenever this process leads; its signal ends with the leadership. */
export async function runAsLeader(
  options: ElectionOptions,
  lead: (signal: AbortSignal) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const candidate = new Candidate(options);
  while (!signal.aborted) {
    await candidate.acquire(signal);
    if (!signal.aborted) await candidate.serve(lead, signal);
  }
}

class Candidate {
  readonly #options: ElectionOptions;
  readonly #timing: ElectionTiming;
  /** The lease as last seen, and when we first saw it like this. */
  #lease: Lease | undefined;
  #seenMs = 0;

  constructor(options: ElectionOptions) {
    this.#options = options;
    this.#timing = options.timing ?? TIMING;
  }

  /** Resolves when the lease is ours, or when aborted. */
  async acquire(signal: AbortSignal): Promise<void> {
    const { clock, random } = this.#options;
    const backOff = new BackOff(random, { firstMs: FIRST_RETRY_MS, lastMs: this.#timing.retryMs });
    while (!signal.aborted && !(await this.#tryToHold())) {
      // Nobody answered yet, as when a cluster starts: ask soon. Another holds it: in due time.
      if (this.#lease !== undefined) await this.#pause(signal);
      else await clock.sleep(backOff.nextMs(), signal).catch(() => {});
    }
  }

  async serve(lead: (signal: AbortSignal) => Promise<void>, signal: AbortSignal): Promise<void> {
    const { log, identity, name } = this.#options;
    log.info('leading', { lease: name, identity });
    const term = new AbortController();
    const end = () => term.abort(signal.reason);
    signal.addEventListener('abort', end, { once: true });
    const renewals = this.#renew(term);
    try {
      await lead(term.signal);
    } catch (error) {
      if (!term.signal.aborted) throw error;
    } finally {
      term.abort();
      signal.removeEventListener('abort', end);
      await renewals;
      await this.#release();
      log.info('leading no more', { lease: name, identity });
    }
  }

  /** Renews until the term ends; ends it when renewing failed for too long. */
  async #renew(term: AbortController): Promise<void> {
    const { clock, log, name } = this.#options;
    const lose = () => {
      log.warn('could not renew the lease in time: leading no more', { lease: name });
      term.abort(new StatusError('Timeout', `the lease ${name} was lost`));
    };
    const ended = aborted(term.signal);
    let cancel = clock.after(this.#timing.renewWithinMs, lose);
    while (!term.signal.aborted) {
      await this.#pause(term.signal);
      const startedMs = clock.now();
      // Not awaited for longer than the term: a call that hangs must not hold up the end.
      const isHeld = await Promise.race([this.#tryToHold(), ended]);
      if (term.signal.aborted) break;
      if (isHeld) {
        cancel();
        cancel = clock.after(this.#timing.renewWithinMs - (clock.now() - startedMs), lose);
      } else if (this.#holder() !== this.#options.identity) {
        term.abort(new StatusError('Conflict', `the lease ${name} has another holder`));
      }
    }
    cancel();
  }

  /** Answers whether the lease is ours now. */
  async #tryToHold(): Promise<boolean> {
    const { transport, namespace, name, log } = this.#options;
    try {
      const lease = await transport.get(LEASES, { namespace, name });
      this.#see(lease);
      if (!this.#isMine() && !this.#isFree()) return false;
      this.#see(await transport.update(LEASES, { ...lease, spec: this.#claim(lease.spec) }));
      return true;
    } catch (error) {
      if (hasReason(error, 'NotFound')) return this.#create();
      if (!hasReason(error, 'Conflict')) log.warn('could not get the lease', { error });
      return false;
    }
  }

  async #create(): Promise<boolean> {
    const { transport, namespace, name, log } = this.#options;
    try {
      const lease: Lease = { metadata: { namespace, name }, spec: this.#claim(undefined) };
      this.#see(await transport.create(LEASES, lease));
      return true;
    } catch (error) {
      if (!hasReason(error, 'AlreadyExists')) log.warn('could not create the lease', { error });
      return false;
    }
  }

  /** Gives the lease back, so that a successor need not wait for it to grow stale. */
  async #release(): Promise<void> {
    const { transport, log } = this.#options;
    if (!this.#isMine() || this.#lease === undefined) return;
    const spec = { ...this.#lease.spec, holderIdentity: '', leaseDurationSeconds: 1 };
    try {
      this.#see(await transport.update(LEASES, { ...this.#lease, spec }));
    } catch (error) {
      log.debug('could not release the lease', { error });
    }
  }

  #claim(before: LeaseSpec | undefined): LeaseSpec {
    const { identity, clock } = this.#options;
    const now = microTimestampOf(clock.now());
    const isSame = before?.holderIdentity === identity;
    return {
      ...before,
      holderIdentity: identity,
      leaseDurationSeconds: Math.ceil(this.#timing.leaseMs / 1000),
      renewTime: now,
      acquireTime: isSame ? (before.acquireTime ?? now) : now,
      leaseTransitions:
        before === undefined || isSame
          ? (before?.leaseTransitions ?? 0)
          : (before.leaseTransitions ?? 0) + 1,
    };
  }

  #see(lease: Lease): void {
    if (lease.metadata.resourceVersion !== this.#lease?.metadata.resourceVersion) {
      this.#seenMs = this.#options.clock.now();
    }
    this.#lease = lease;
  }

  #holder(): string {
    return this.#lease?.spec?.holderIdentity ?? '';
  }

  #isMine(): boolean {
    return this.#holder() === this.#options.identity;
  }

  #isFree(): boolean {
    const leaseMs = (this.#lease?.spec?.leaseDurationSeconds ?? 0) * 1000;
    const isStale = this.#options.clock.now() - this.#seenMs >= leaseMs;
    return this.#holder() === '' || isStale;
  }

  /** Jittered, so that candidates do not meet again and again. */
  async #pause(signal: AbortSignal): Promise<void> {
    const { clock, random } = this.#options;
    const delayMs = this.#timing.retryMs * (1 + random.fraction() / 5);
    await clock.sleep(delayMs, signal).catch(() => {});
  }
}

const aborted = (signal: AbortSignal): Promise<false> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve(false);
    else signal.addEventListener('abort', () => resolve(false), { once: true });
  });
