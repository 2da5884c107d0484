// Memory-backed volumes: a tmpfs mounted on the volume's folder.

import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';

export async function mountTmpfs(path: string, sizeBytes: number): Promise<void> {
  if (await isMounted(path)) return;
  const size = sizeBytes > 0 ? [`size=${sizeBytes}`] : [];
  await run('mount', ['-t', 'tmpfs', '-o', ['mode=0777', ...size].join(','), 'tmpfs', path]);
}

export async function unmountTmpfs(path: string): Promise<void> {
  if (await isMounted(path)) await run('umount', [path]);
}

async function isMounted(path: string): Promise<boolean> {
  const mounts = await readFile('/proc/self/mounts', 'utf8');
  return mounts.split('\n').some((line) => line.split(' ')[1] === path);
}

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
