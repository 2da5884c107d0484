// The proxy process: flags → config → wiring → run(signal). With --cleanup it removes every rule
// and chain of its prefix and ends.

import { CONNECT_FLAGS, connect } from '../client/connect.ts';
import { systemClock } from '../machinery/clock.ts';
import { runComponent, serveHealth } from '../machinery/component.ts';
import {
  boolean,
  type Config,
  choice,
  duration,
  parseFlags,
  text,
  UsageError,
} from '../machinery/flags.ts';
import { LOG_LEVELS, type Log, stdoutLog } from '../machinery/log.ts';
import { createMetrics } from '../machinery/metrics.ts';
import { systemRandom } from '../machinery/random.ts';
import { chainsOf } from './chains.ts';
import { parseCidr } from './cidr.ts';
import { createProxyComponent } from './component.ts';
import { localMachine } from './machine.ts';
import type { ProxyConfig } from './proxy.ts';
import { createRuleWriter } from './rule-writer.ts';

const FLAGS = {
  ...CONNECT_FLAGS,
  listen: text('127.0.0.1:10256', 'host:port for health and metrics'),
  'cluster-cidr': text('10.244.0.0/16', 'addresses of pods; empty if unknown'),
  'service-cidr': text('10.96.0.0/16', 'addresses of Services; empty if unknown'),
  'chain-prefix': text('WHERRY', 'begins the name of every chain: one a cluster and machine'),
  'node-name': text('', 'node for the Local traffic policies; empty: all endpoints are local'),
  'sync-period': duration(10, 'changes within this time are written together'),
  'verify-period': duration(30_000, 'how often the rules are checked against tampering'),
  cleanup: boolean(false, 'remove every rule and chain of the prefix, then end'),
  'log-level': choice(LOG_LEVELS, 'info', 'least level that is logged'),
};

await runComponent('proxy', async (signal) => {
  const flags = parseFlags(FLAGS, process.argv.slice(2), 'proxy: Services as iptables rules');
  const log = stdoutLog('proxy', flags['log-level']);
  const config = configOf(flags);
  if (flags.cleanup) await cleanUp(config, log);
  else await serve(flags, config, { log, signal });
});

async function cleanUp({ chainPrefix }: ProxyConfig, log: Log): Promise<void> {
  await createRuleWriter(localMachine(), chainsOf(chainPrefix)).cleanup();
  log.info('rules removed', { prefix: chainPrefix });
}

async function serve(
  flags: Config<typeof FLAGS>,
  config: ProxyConfig,
  { log, signal }: { readonly log: Log; readonly signal: AbortSignal },
): Promise<void> {
  const metrics = createMetrics();
  const transport = await connect(flags);
  const proxy = createProxyComponent({
    transport,
    config,
    machine: localMachine(),
    clock: systemClock,
    random: systemRandom,
    log,
    metrics,
  });
  const checks = { informers: () => proxy.isSynced, rules: () => proxy.isHealthy };
  await serveHealth({ listen: flags.listen, checks, metrics, signal });
  try {
    await proxy.run(signal);
  } finally {
    transport.close();
  }
}

function configOf(flags: Config<typeof FLAGS>): ProxyConfig {
  try {
    chainsOf(flags['chain-prefix']);
  } catch (error) {
    throw new UsageError(`--chain-prefix: ${(error as Error).message}`);
  }
  for (const name of ['cluster-cidr', 'service-cidr'] as const) {
    if (flags[name] !== '' && parseCidr(flags[name]) === undefined) {
      throw new UsageError(`--${name}: want a range such as 10.0.0.0/16, got "${flags[name]}"`);
    }
  }
  return Object.freeze({
    chainPrefix: flags['chain-prefix'],
    clusterCidr: flags['cluster-cidr'],
    serviceCidr: flags['service-cidr'],
    nodeName: flags['node-name'],
    minSyncMs: flags['sync-period'],
    verifyMs: flags['verify-period'],
  });
}
