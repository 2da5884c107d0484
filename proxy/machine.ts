// The door to the machine whose traffic is steered: its commands and its /proc and /sys files.

import { spawn } from 'node:child_process';
import { readdir, readFile, writeFile } from 'node:fs/promises';

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Machine {
  /** Never a shell: the words go to the command as they are. Rejects when it cannot be started. */
  run(command: string, words: readonly string[], stdin?: string): Promise<Outcome>;
  read(path: string): Promise<string>;
  write(path: string, text: string): Promise<void>;
  list(path: string): Promise<readonly string[]>;
}

/** Thousands of services are a few MB of rules; anything longer is not a list of rules. */
const OUTPUT_BYTES_MAX = 256 * 1024 * 1024;
/** Writing 5,000 services in one go takes 20 s on the slowest backend. */
const RUN_MS_MAX = 120_000;
const STDERR_CHARS_MAX = 4096;

/** `wrapper` goes before every command: `['ip', 'netns', 'exec', 'x']`. */
export const localMachine = (wrapper: readonly string[] = []): Machine => ({
  run: (command, words, stdin) => run([...wrapper, command, ...words], stdin ?? ''),
  read: (path) => readFile(path, 'utf8'),
  write: (path, text) => writeFile(path, text),
  list: (path) => readdir(path),
});

export class CommandError extends Error {
  override readonly name = 'CommandError';
}

/** For commands that must succeed. */
export async function mustRun(
  machine: Machine,
  [command = '', ...words]: readonly string[],
  stdin?: string,
): Promise<string> {
  const { code, stdout, stderr } = await machine.run(command, words, stdin);
  if (code === 0) return stdout;
  throw new CommandError(`${command} exited with ${code}: ${stderr.trim()}`);
}

function run([command = '', ...words]: readonly string[], stdin: string): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, words, { stdio: 'pipe', timeout: RUN_MS_MAX });
    const chunks: Buffer[] = [];
    let bytes = 0;
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > OUTPUT_BYTES_MAX) child.kill('SIGKILL');
      else chunks.push(chunk);
    });
    child.stderr.on('data', (chunk: Buffer) => {
      if (stderr.length < STDERR_CHARS_MAX) stderr += chunk.toString('utf8');
    });
    child.on('error', reject);
    child.on('close', (code) =>
      resolve({ code: code ?? -1, stdout: Buffer.concat(chunks).toString('utf8'), stderr }),
    );
    // A command that ends early closes its stdin; its exit code says why.
    child.stdin.on('error', () => {});
    child.stdin.end(stdin);
  });
}
