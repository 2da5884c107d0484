// Memory-backed volumes: a tmpfs mounted on the volume's folder.

import { spawn } from 'node:child_process';
import { readFile, realpath } from 'node:fs/promises';

export async function mountTmpfs(path: string, sizeBytes: number): Promise<void> {
  if (await isMounted(path)) return;
  const size = sizeBytes > 0 ? [`size=${sizeBytes}`] : [];
  await run('mount', ['-t', 'tmpfs', '-o', ['mode=0777', ...size].join(','), 'tmpfs', path]);
}

export async function unmountTmpfs(path: string): Promise<void> {
  if (await isMounted(path)) await run('umount', [path]);
}

/** All that is mounted below the folder, the innermost first: a mount cannot be removed. */
export async function unmountBelow(folder: string): Promise<void> {
  const root = await realpath(folder).catch(() => undefined);
  if (root === undefined) return;
  const below = (await mountPoints()).filter((path) => path.startsWith(`${root}/`));
  for (const path of below.reverse()) await run('umount', [path]);
}

async function isMounted(path: string): Promise<boolean> {
  const real = await realpath(path).catch(() => undefined);
  return real !== undefined && (await mountPoints()).includes(real);
}

const mountPoints = async (): Promise<string[]> =>
  mountPointsIn(await readFile('/proc/self/mounts', 'utf8'));

/** The second word of each line; blanks and backslashes in it are octal. */
export const mountPointsIn = (table: string): string[] =>
  table
    .split('\n')
    .map((line) => line.split(' ')[1] ?? '')
    .filter((path) => path !== '')
    .map((path) =>
      path.replace(/\\([0-7]{3})/g, (_, code) => String.fromCharCode(parseInt(code, 8))),
    );

function run(command: string, argv: readonly string[]): Promise<void> {
  const child = spawn(command, argv, { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (chunk) => {
    said += String(chunk);
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`${command} ended with ${code}: ${said.trim()}`));
    });
  });
}
