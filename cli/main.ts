// `wherry`: words on the command line → a verb with typed options → an exit code.

import { homedir, userInfo } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Argument, Command, InvalidArgumentError, Option } from 'commander';
import { systemClock } from '../machinery/clock.ts';
import { systemRandom } from '../machinery/random.ts';
import { RUNTIMES, STORES } from './cluster/config.ts';
import { completionScript, SHELLS } from './completion.ts';
import { terminalProgress } from './progress.ts';
import type { World } from './world.ts';

const DEFAULT_NAME = 'wherry';

const here = dirname(fileURLToPath(import.meta.url));
const isRoot = userInfo().uid === 0;
const { DOCKER_HOST = '', PATH = '', XDG_STATE_HOME } = process.env;

const world: World = {
  clock: systemClock,
  random: systemRandom,
  progress: terminalProgress(process.stderr, systemClock),
  machineDir: isRoot
    ? '/var/lib/wherry'
    : join(XDG_STATE_HOME ?? join(homedir(), '.local/state'), 'wherry'),
  dist: resolve(here, '..'),
  node: process.execPath,
  socket: DOCKER_HOST === '' ? '/var/run/docker.sock' : DOCKER_HOST.replace(/^unix:\/\//, ''),
  isSocketGiven: DOCKER_HOST !== '',
  path: PATH,
  isRoot,
};

const stop = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.once(name, () => stop.abort(new Error('interrupted')));
}

interface Where {
  readonly name: string;
  readonly dir?: string;
}

/** The default cluster lives in .wherry, one called x in .wherry-x. */
const dirOf = ({ name, dir }: Where): string =>
  resolve(dir ?? (name === DEFAULT_NAME ? '.wherry' : `.wherry-${name}`));

const located = (command: Command): Command =>
  command
    .addOption(
      new Option('--name <name>', 'name of the cluster')
        .default(DEFAULT_NAME)
        .argParser(clusterName),
    )
    .option('--dir <folder>', 'folder of its state (default: .wherry, or .wherry-NAME)');

const program = new Command('wherry')
  .description('A Kubernetes-style container orchestrator in miniature')
  .version('0.1.0')
  .showSuggestionAfterError();

located(program.command('up'))
  .description('start a cluster, or bring it back with its objects')
  .option('--nodes <count>', 'nodes to run (default: as before, or 2)', wholeNumber)
  .addOption(new Option('--store <kind>', 'where objects live (default: embedded)').choices(STORES))
  .option('--etcd-endpoints <urls>', 'comma-separated: an etcd that runs already (implies etcd)')
  .addOption(
    new Option('--runtime <kind>', 'real or simulated containers (default: docker)').choices(
      RUNTIMES,
    ),
  )
  .action(async (options) => {
    const { up } = await import('./up.ts');
    const etcdEndpoints = options.etcdEndpoints?.split(',');
    await up(
      {
        name: options.name,
        dir: dirOf(options),
        nodes: options.nodes,
        store: options.store ?? (etcdEndpoints === undefined ? undefined : 'etcd'),
        etcdEndpoints,
        runtime: options.runtime,
      },
      world,
      stop.signal,
    );
  });

located(program.command('down'))
  .description('stop the cluster; leaves no process, container, network or rule behind')
  .option('--delete', 'remove its folder with all objects, too', false)
  .action(async (options) => {
    const { down } = await import('./down.ts');
    await down({ dir: dirOf(options), delete: options.delete }, world);
  });

located(program.command('status'))
  .description('processes, health, nodes, versions, addresses')
  .action(async (options) => {
    const { status } = await import('./status.ts');
    if (!(await status(dirOf(options), world, process.stdout))) process.exitCode = 1;
  });

located(program.command('logs'))
  .description('what a component tells (apiserver, scheduler, kubelet-NODE, ...)')
  .argument('<component>')
  .option('-f, --follow', 'go on as it tells more', false)
  .option('--tail <lines>', 'only the last lines', wholeNumber)
  .action(async (component, options) => {
    const { logs } = await import('./logs.ts');
    const { follow, tail } = options;
    await logs({ dir: dirOf(options), component, follow, tail }, process.stdout, stop.signal);
  });

program
  .command('completion')
  .description('print the script that lets a shell complete these commands')
  .addArgument(new Argument('<shell>').choices(SHELLS))
  .action((shell) => {
    process.stdout.write(completionScript(shell, program));
  });

/** Names end up in DNS names, container names and paths. */
function clusterName(text: string): string {
  if (!/^[a-z]([a-z0-9-]{0,18}[a-z0-9])?$/.test(text)) {
    throw new InvalidArgumentError('want up to 20 lower case letters, digits and dashes');
  }
  return text;
}

function wholeNumber(text: string): number {
  if (!/^\d{1,6}$/.test(text)) throw new InvalidArgumentError('want a whole number');
  return Number(text);
}

try {
  await program.parseAsync();
} catch (error) {
  const { aborted } = stop.signal;
  const why = aborted ? 'interrupted' : error instanceof Error ? error.message : String(error);
  process.stderr.write(`wherry: ${why}\n`);
  process.exitCode = aborted ? 130 : 1;
}
