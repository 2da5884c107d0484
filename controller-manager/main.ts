// The controller-manager process: flags → config → transport → manager, with a health server.

import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { CONNECT_FLAGS, connect } from '../client/connect.ts';
import { systemClock } from '../machinery/clock.ts';
import { runComponent, serveHealth } from '../machinery/component.ts';
import { boolean, choice, integer, parseFlags, text } from '../machinery/flags.ts';
import { LOG_LEVELS, stdoutLog } from '../machinery/log.ts';
import { createMetrics } from '../machinery/metrics.ts';
import { systemRandom } from '../machinery/random.ts';
import { createControllerManager, DEFAULT_CONFIG } from './manager.ts';

const NAME = 'controller-manager';

const FLAGS = {
  ...CONNECT_FLAGS,
  'root-ca-file': text('', 'certificate of the cluster authority, published in every namespace'),
  listen: text('127.0.0.1:10257', 'address of /healthz, /readyz and /metrics'),
  'leader-elect': boolean(true, 'act only while holding the lease, so that several may stand by'),
  'node-monitor-grace-period-ms': integer(
    DEFAULT_CONFIG.nodeGraceMs,
    'silence after which a node counts as lost',
  ),
  'node-startup-grace-period-ms': integer(
    DEFAULT_CONFIG.nodeStartupGraceMs,
    'the same for a node that has never reported',
  ),
  'terminated-pod-gc-threshold': integer(
    DEFAULT_CONFIG.finishedPodsMax,
    'finished pods that are kept',
  ),
  'log-level': choice(LOG_LEVELS, 'info', 'least severe messages to log'),
};

async function main(signal: AbortSignal): Promise<void> {
  const flags = parseFlags(FLAGS, process.argv.slice(2), `${NAME}: runs the controllers`);
  const log = stdoutLog(NAME, flags['log-level']);
  const metrics = createMetrics();
  const rootCa = flags['root-ca-file'] === '' ? '' : await readFile(flags['root-ca-file'], 'utf8');
  const transport = await connect(flags);
  // The same after a restart, so that nobody waits for our own lease; two on one host differ.
  const identity = `${hostname()}_${flags.listen}`;
  const election = { namespace: 'kube-system', name: NAME, identity };
  const manager = createControllerManager({
    transport,
    clock: systemClock,
    random: systemRandom,
    log,
    metrics,
    config: {
      ...(flags['leader-elect'] && { election }),
      rootCa,
      nodeGraceMs: flags['node-monitor-grace-period-ms'],
      nodeStartupGraceMs: flags['node-startup-grace-period-ms'],
      finishedPodsMax: flags['terminated-pod-gc-threshold'],
    },
  });
  const checks = { caches: () => manager.isReady };
  const { port } = await serveHealth({ listen: flags.listen, checks, metrics, signal });
  log.info('started', { server: flags.server, healthPort: port });
  try {
    await manager.run(signal);
  } finally {
    transport.close();
  }
}

await runComponent(NAME, main);
