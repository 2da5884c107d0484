// Runs every test and ends with one plain line: `N passed, N failed, N skipped`.
// With names of projects as arguments, only those: `node dist/test/run.js unit integration`.

import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureDocker, stopOwnDockerd } from '../cli/cluster/docker.ts';
import { systemClock } from '../machinery/clock.ts';

interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** In the order of their price: what fails early is told early. */
const PROJECTS = ['unit', 'integration', 'e2e'];

const chosen = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), 'wherry-test-'));
const totals = { passed: 0, failed: 0, skipped: 0 };
let isBroken = false;

// Ctrl-C reaches the running tests by itself; what they and this run started still comes down.
process.on('SIGINT', () => {
  isBroken = true;
});

// Real containers need an engine: where nothing else starts one, this run does.
await ensureDocker({
  socket: '/var/run/docker.sock',
  isSocketGiven: false,
  machineDir: folder,
  path: process.env.PATH ?? '',
  isRoot: process.getuid?.() === 0,
  clock: systemClock,
});

if (chosen.length === 0) {
  if ((await run('npx', ['biome', 'ci', '.'])) !== 0) isBroken = true;
}
for (const project of chosen.length > 0 ? chosen : PROJECTS) {
  process.stdout.write(`\n== ${project}\n`);
  const report = join(folder, `${project}.json`);
  const code = await run('npx', [
    'vitest',
    'run',
    `--project=${project}`,
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
  ]);
  const counts = countsOf(report);
  totals.passed += counts.passed;
  totals.failed += counts.failed;
  totals.skipped += counts.skipped;
  if (code !== 0) isBroken = true;
}
await stopOwnDockerd(folder, systemClock);
rmSync(folder, { recursive: true });
if (isBroken && totals.failed === 0) totals.failed = 1; // A file that did not even load, or lint.
process.stdout.write(
  `\n${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped\n`,
);
process.exitCode = totals.failed > 0 ? 1 : 0;

function run(command: string, args: readonly string[]): Promise<number> {
  return new Promise((resolve) => {
    spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit'] })
      .on('error', () => resolve(1))
      .on('close', (code) => resolve(code ?? 1));
  });
}

function countsOf(report: string): Counts {
  if (!existsSync(report)) return { passed: 0, failed: 0, skipped: 0 };
  const { numPassedTests, numFailedTests, numPendingTests, numTodoTests } = JSON.parse(
    readFileSync(report, 'utf8'),
  );
  return {
    passed: numPassedTests,
    failed: numFailedTests,
    skipped: numPendingTests + numTodoTests,
  };
}
