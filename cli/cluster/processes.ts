// The cluster's processes: started detached, known by pid and start time, ended by pid.
// A pid alone is not enough: after a crash or a reboot the kernel may have given it away.

import { spawn } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../../machinery/clock.ts';
import { type Layout, writeWhole } from './config.ts';

export interface ProcessSpec {
  /** `apiserver`, `kubelet-wherry-node-1`: names its log and its record. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
}

export interface Running {
  readonly name: string;
  readonly pid: number;
  readonly startTicks: string;
  readonly command: string;
  readonly args: readonly string[];
}

/** Past this a log is set aside as `.1` at the next start. */
const LOG_BYTES_MAX = 16 * 1024 * 1024;
const POLL_MS = 10;

export class Processes {
  readonly #layout: Pick<Layout, 'run' | 'logs'>;
  readonly #clock: Clock;

  constructor(layout: Pick<Layout, 'run' | 'logs'>, clock: Clock) {
    this.#layout = layout;
    this.#clock = clock;
  }

  /** Starts it unless it runs already; answers whether it was started. */
  start({ name, command, args }: ProcessSpec): boolean {
    if (this.find(name) !== undefined) return false;
    const log = openLog(join(this.#layout.logs, `${name}.log`), this.#layout.logs);
    const child = spawn(command, args, { detached: true, stdio: ['ignore', log, log], cwd: '/' });
    closeSync(log);
    if (child.pid === undefined) throw new Error(`cannot start ${name}: ${command} not found`);
    child.on('error', () => {});
    child.unref();
    const record: Running = {
      name,
      pid: child.pid,
      startTicks: startTicksOf(child.pid) ?? '',
      command,
      args,
    };
    writeWhole(join(this.#layout.run, `${name}.json`), JSON.stringify(record));
    return true;
  }

  /** The running process of this name, if it is still the one that was started. */
  find(name: string): Running | undefined {
    const path = join(this.#layout.run, `${name}.json`);
    if (!existsSync(path)) return undefined;
    const record: Running = JSON.parse(readFileSync(path, 'utf8'));
    return startTicksOf(record.pid) === record.startTicks ? record : undefined;
  }

  /** Everything that was ever started and not yet stopped; `undefined` where it has died. */
  list(): readonly { readonly name: string; readonly running: Running | undefined }[] {
    if (!existsSync(this.#layout.run)) return [];
    return readdirSync(this.#layout.run)
      .filter((file) => file.endsWith('.json'))
      .map((file) => file.slice(0, -'.json'.length))
      .map((name) => ({ name, running: this.find(name) }));
  }

  /** SIGTERM, then SIGKILL when the grace is over. Forgets the process. */
  async stop(name: string, graceMs: number): Promise<void> {
    const running = this.find(name);
    if (running !== undefined) {
      process.kill(running.pid, 'SIGTERM');
      if (!(await this.#gone(name, graceMs))) {
        process.kill(running.pid, 'SIGKILL');
        await this.#gone(name, graceMs);
      }
    }
    rmSync(join(this.#layout.run, `${name}.json`), { force: true });
  }

  async #gone(name: string, graceMs: number): Promise<boolean> {
    const endMs = this.#clock.now() + graceMs;
    while (this.find(name) !== undefined) {
      if (this.#clock.now() > endMs) return false;
      await this.#clock.sleep(POLL_MS);
    }
    return true;
  }
}

/** Start time in clock ticks since boot; undefined when there is no such process (or a zombie). */
export function startTicksOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

function openLog(path: string, folder: string): number {
  mkdirSync(folder, { recursive: true });
  if (existsSync(path) && statSync(path).size > LOG_BYTES_MAX) renameSync(path, `${path}.1`);
  return openSync(path, 'a', 0o640);
}
