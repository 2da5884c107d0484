// What an idle cluster of 2 nodes costs: resident memory of every process, and CPU over a minute.
// Resident counts shared pages in each process again; proportional divides them among those who
// share.
//
//   node dist/bench/footprint/main.js [seconds]

import { cpuSecondsOf, kilobytesOf, startBenchCluster } from '../bench-cluster.ts';

const [seconds = 60] = process.argv.slice(2).map(Number);
/** What starting up leaves to do (informers, pools, compilers) is over by then. */
const SETTLE_SECONDS = 20;

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

const cluster = startBenchCluster('bench-idle', []);
try {
  await sleep(SETTLE_SECONDS * 1_000);
  const pids = cluster.pids();
  const before = new Map([...pids].map(([name, pid]) => [name, cpuSecondsOf(pid)]));
  await sleep(seconds * 1_000);
  const totals = { resident: 0, proportional: 0, percent: 0 };
  console.log(row('PROCESS', 'RESIDENT', 'PROPORTIONAL', 'CPU'));
  for (const [name, pid] of pids) {
    const resident = kilobytesOf(pid, 'status', 'VmRSS') / 1024;
    const proportional = kilobytesOf(pid, 'smaps_rollup', 'Pss') / 1024;
    const percent = ((cpuSecondsOf(pid) - (before.get(name) ?? 0)) / seconds) * 100;
    totals.resident += resident;
    totals.proportional += proportional;
    totals.percent += percent;
    console.log(row(name, megabytes(resident), megabytes(proportional), `${percent.toFixed(2)} %`));
  }
  const { resident, proportional, percent } = totals;
  console.log(row('all', megabytes(resident), megabytes(proportional), `${percent.toFixed(2)} %`));
  console.log(row('goal', '≤ 450 MB', '', '< 3 %'));
} finally {
  cluster.down();
}

function row(...[name, ...cells]: string[]): string {
  return `${(name ?? '').padEnd(28)}${cells.map((cell) => cell.padStart(14)).join('')}`;
}

function megabytes(value: number): string {
  return `${value.toFixed(0)} MB`;
}
