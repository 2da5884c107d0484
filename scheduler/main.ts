// The scheduler process: flags → config → wiring → run(signal).

import { hostname } from 'node:os';
import { CONNECT_FLAGS, connect } from '../client/connect.ts';
import { systemClock } from '../machinery/clock.ts';
import { runComponent, serveHealth } from '../machinery/component.ts';
import { boolean, choice, parseFlags, text } from '../machinery/flags.ts';
import { LOG_LEVELS, stdoutLog } from '../machinery/log.ts';
import { createMetrics } from '../machinery/metrics.ts';
import { systemRandom } from '../machinery/random.ts';
import { createSchedulerComponent } from './component.ts';
import { defaultProfile } from './profile.ts';

const NAME = 'scheduler';

const FLAGS = {
  ...CONNECT_FLAGS,
  listen: text('127.0.0.1:10259', 'host:port for health and metrics'),
  'leader-elect': boolean(true, 'schedule only while holding the lease'),
  'scheduler-name': text('default-scheduler', 'pods with this spec.schedulerName are ours'),
  scoring: choice(
    ['MostAllocated', 'LeastAllocated'],
    'MostAllocated',
    'pack pods onto few nodes, or spread them',
  ),
  'log-level': choice(LOG_LEVELS, 'info', 'least level that is logged'),
};

await runComponent(NAME, async (signal) => {
  const flags = parseFlags(FLAGS, process.argv.slice(2), `${NAME}: finds a node for every pod`);
  const schedulerName = flags['scheduler-name'];
  const log = stdoutLog(NAME, flags['log-level']);
  const metrics = createMetrics();
  const transport = await connect(flags);
  // The same after a restart, so that nobody waits for our own lease; two on one host differ.
  const identity = `${hostname()}_${flags.listen}`;
  const election = { namespace: 'kube-system', name: leaseNameFor(schedulerName), identity };
  const scheduler = createSchedulerComponent({
    transport,
    profiles: [defaultProfile({ transport, schedulerName, strategy: flags.scoring })],
    config: flags['leader-elect'] ? { election } : {},
    clock: systemClock,
    random: systemRandom,
    log,
    metrics,
  });
  const checks = { informers: () => scheduler.isSynced };
  const { port } = await serveHealth({ listen: flags.listen, checks, metrics, signal });
  log.info('started', { server: flags.server, healthPort: port });
  try {
    await scheduler.run(signal);
  } finally {
    transport.close();
  }
});

/** Schedulers of different names do not compete. */
function leaseNameFor(schedulerName: string): string {
  return schedulerName === 'default-scheduler' ? 'scheduler' : `scheduler-${schedulerName}`;
}
