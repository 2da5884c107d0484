// Keeps the machine's rules as Services and EndpointSlices want them. Level-triggered: any change
// makes the whole plan anew; what is written is the difference. Failures are retried here only.
//
//   informers → dirty → (coalesce) → planServices → planRules → one restore → forget UDP flows

import type { Informer } from '../client/lister.ts';
import type { Clock } from '../machinery/clock.ts';
import type { Log } from '../machinery/log.ts';
import { type Metrics, noMetrics } from '../machinery/metrics.ts';
import type { Service } from '../proto/generated/core.v1.ts';
import type { EndpointSlice } from '../proto/generated/discovery.v1.ts';
import { type Chains, chainsOf } from './chains.ts';
import { forgetFlows, planForgetting } from './conntrack.ts';
import { allowHairpins, applySettings } from './kernel-settings.ts';
import type { Machine } from './machine.ts';
import { createRuleWriter } from './rule-writer.ts';
import { planRules, type RuleMemo } from './rules.ts';
import { planServices, type ServiceMap, type ServiceMemo } from './service-map.ts';

export interface ProxyConfig {
  readonly chainPrefix: string;
  readonly clusterCidr: string;
  readonly serviceCidr: string;
  /** For the Local traffic policies; empty: every endpoint is local. */
  readonly nodeName: string;
  /** Changes within this time are written together. */
  readonly minSyncMs: number;
  /** How often it is checked that nobody changed our rules. */
  readonly verifyMs: number;
}

export interface ProxyParts {
  readonly config: ProxyConfig;
  /** Somebody else runs them. */
  readonly services: Informer<Service>;
  readonly slices: Informer<EndpointSlice>;
  readonly machine: Machine;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics?: Metrics;
}

export interface ServiceProxy {
  /** True once the rules have been written and as long as writing does not fail. */
  readonly isHealthy: boolean;
  run(signal: AbortSignal): Promise<void>;
}

const RETRY_MS_FIRST = 500;
const RETRY_MS_MAX = 30_000;

export function createServiceProxy(parts: ProxyParts): ServiceProxy {
  return new RuleKeeper(parts);
}

class RuleKeeper implements ServiceProxy {
  readonly #parts: ProxyParts;
  readonly #chains: Chains;
  readonly #writer;
  readonly #durations;
  readonly #failures;
  readonly #serviceMemo: ServiceMemo = new WeakMap();
  readonly #ruleMemo: RuleMemo = new WeakMap();
  #services: ServiceMap = new Map();
  #hairpins: ReadonlySet<string> = new Set();
  #isDirty = true;
  #isVerifyDue = false;
  #isHealthy = false;
  #notify: (() => void) | undefined;

  constructor(parts: ProxyParts) {
    this.#parts = parts;
    this.#chains = chainsOf(parts.config.chainPrefix);
    this.#writer = createRuleWriter(parts.machine, this.#chains);
    const metrics = parts.metrics ?? noMetrics;
    this.#durations = metrics.histogram(
      'proxy_sync_duration_seconds',
      'Time to plan and write the rules',
      ['result'],
    );
    this.#failures = metrics.counter('proxy_sync_failures_total', 'Syncs that failed');
  }

  get isHealthy(): boolean {
    return this.#isHealthy;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { services, slices, machine, log } = this.#parts;
    await Promise.all([services.synced(signal), slices.synced(signal)]);
    const stops = [services.onChange(() => this.#mark()), slices.onChange(() => this.#mark())];
    try {
      await applySettings(machine, log);
      await Promise.all([this.#keep(signal), this.#watchOver(signal)]);
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      for (const stop of stops) stop();
    }
  }

  async #keep(signal: AbortSignal): Promise<void> {
    const { clock, log, config } = this.#parts;
    let failures = 0;
    for (;;) {
      await this.#changed(signal);
      await clock.sleep(config.minSyncMs, signal);
      this.#isDirty = false;
      try {
        await this.#sync();
        failures = 0;
        this.#isHealthy = true;
      } catch (error) {
        this.#isHealthy = false;
        this.#isDirty = true;
        this.#failures.add();
        log.error('could not write the rules, will retry', { error });
        await clock.sleep(Math.min(RETRY_MS_FIRST * 2 ** failures++, RETRY_MS_MAX), signal);
      }
    }
  }

  async #sync(): Promise<void> {
    const { services, slices, machine, clock, log, config } = this.#parts;
    const startMs = clock.now();
    if (this.#isVerifyDue && !(await this.#writer.verify())) {
      log.warn('somebody changed our rules: writing them anew');
    }
    this.#isVerifyDue = false;
    const { nodeName } = config;
    const observed = { services: services.list(), slices: slices.list(), nodeName };
    const next = planServices(observed, this.#serviceMemo);
    const { clusterCidr, serviceCidr } = config;
    const options = { chains: this.#chains, clusterCidr, serviceCidr };
    const result = await this.#writer.write(planRules(next, options, this.#ruleMemo));
    const deletions = planForgetting(this.#services, next);
    this.#services = next;
    await forgetFlows(machine, deletions, log);
    this.#hairpins = await allowHairpins(machine, clusterCidr, this.#hairpins);
    this.#durations.observe((clock.now() - startMs) / 1000, { result });
    if (result !== 'unchanged') {
      log.debug('rules written', { result, services: next.size, ms: clock.now() - startMs });
    }
  }

  async #watchOver(signal: AbortSignal): Promise<void> {
    const { clock, config } = this.#parts;
    for (;;) {
      await clock.sleep(config.verifyMs, signal);
      this.#isVerifyDue = true;
      this.#mark();
    }
  }

  #mark(): void {
    this.#isDirty = true;
    this.#notify?.();
    this.#notify = undefined;
  }

  async #changed(signal: AbortSignal): Promise<void> {
    if (this.#isDirty) return;
    let onAbort = () => {};
    await new Promise<void>((resolve) => {
      onAbort = () => resolve();
      this.#notify = onAbort;
      signal.addEventListener('abort', onAbort, { once: true });
    });
    signal.removeEventListener('abort', onAbort);
    signal.throwIfAborted();
  }
}
