// A real cluster for tests: started by the real `wherry up` in a folder of its own, spoken to by
// the real kubectl, taken down to the last rule.

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../machinery/clock.ts';

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
}

const COMMAND_MS_MAX = 60_000;
const POLL_MS = 50;

export function run(
  command: string,
  args: readonly string[],
  { input = '', env = {}, timeoutMs = COMMAND_MS_MAX }: RunOptions = {},
): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { env: { ...process.env, ...env }, timeout: timeoutMs });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk) => (stdout += chunk));
    child.stderr.on('data', (chunk) => (stderr += chunk));
    child.on('error', reject);
    child.on('close', (code, signal) =>
      resolve({ code: code ?? -1, stdout, stderr: signal ? `${stderr}\n(${signal})` : stderr }),
    );
    child.stdin.on('error', () => {});
    child.stdin.end(input);
  });
}

/** Like `run`, but what fails throws with everything that was printed. */
export async function must(
  command: string,
  args: readonly string[],
  options?: RunOptions,
): Promise<string> {
  const { code, stdout, stderr } = await run(command, args, options);
  if (code !== 0) {
    throw new Error(`${command} ${args.join(' ')} exited with ${code}\n${stdout}\n${stderr}`);
  }
  return stdout;
}

/** Asks again until the answer is right; the last answer is told when it never is. */
export async function eventually<T>(
  what: string,
  ask: () => Promise<T>,
  isRight: (answer: T) => boolean,
  timeoutMs = COMMAND_MS_MAX,
): Promise<T> {
  const endMs = systemClock.now() + timeoutMs;
  for (;;) {
    const answer = await ask();
    if (isRight(answer)) return answer;
    if (systemClock.now() > endMs) {
      throw new Error(`never happened: ${what}; last seen: ${JSON.stringify(answer)}`);
    }
    await systemClock.sleep(POLL_MS);
  }
}

export interface Cluster {
  readonly name: string;
  readonly dir: string;
  readonly env: Readonly<Record<string, string>>;
  /** Throws when kubectl fails; answers its stdout. */
  kubectl(...args: readonly string[]): Promise<string>;
  kubectlWith(options: RunOptions, ...args: readonly string[]): Promise<string>;
  /** Never throws: for what is expected to fail. */
  tryKubectl(options: RunOptions, ...args: readonly string[]): Promise<Outcome>;
  startKubectl(...args: readonly string[]): ChildProcess;
  wherry(...args: readonly string[]): Promise<string>;
  /** Of a component, as its record says. */
  pidOf(component: string): number;
  down(): Promise<void>;
}

const WHERRY = join(process.cwd(), 'bin', 'wherry');

export async function startCluster(name: string, flags: readonly string[] = []): Promise<Cluster> {
  const dir = mkdtempSync(join(tmpdir(), `wherry-${name}-`));
  const env = { KUBECONFIG: join(dir, 'kubeconfig') };
  const where = ['--name', name, '--dir', dir];
  const wherry = (verb: string, ...args: readonly string[]) =>
    must(WHERRY, [verb, ...where, ...args], { timeoutMs: 120_000 });
  try {
    await wherry('up', ...flags);
  } catch (error) {
    await run(WHERRY, ['down', ...where]);
    throw error;
  }
  return {
    name,
    dir,
    env,
    kubectl: (...args) => must('kubectl', args, { env }),
    kubectlWith: (options, ...args) =>
      must('kubectl', args, { ...options, env: { ...env, ...options.env } }),
    tryKubectl: (options, ...args) =>
      run('kubectl', args, { ...options, env: { ...env, ...options.env } }),
    startKubectl: (...args) => spawn('kubectl', args, { env: { ...process.env, ...env } }),
    wherry: (verb, ...args) => wherry(verb ?? 'status', ...args),
    pidOf: (component) =>
      JSON.parse(readFileSync(join(dir, 'run', `${component}.json`), 'utf8')).pid,
    async down() {
      await must(WHERRY, ['down', ...where, '--delete'], { timeoutMs: 120_000 });
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** Waits for a line of a child's output; what it printed until then is in the error. */
export function lineOf(child: ChildProcess, pattern: RegExp, timeoutMs = 30_000): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const cancel = systemClock.after(timeoutMs, () =>
      reject(new Error(`no ${pattern} in the output:\n${text}`)),
    );
    const onData = (chunk: Buffer) => {
      text += chunk;
      const match = pattern.exec(text);
      if (match === null) return;
      cancel();
      resolve(match[0]);
    };
    child.stdout?.on('data', onData);
    child.stderr?.on('data', onData);
  });
}
