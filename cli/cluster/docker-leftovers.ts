// What a Docker engine leaves behind when it ends: its chains, the rules that lead to them, its
// default bridge. Only removed where `up` had started the engine itself.

import { spawn } from 'node:child_process';

const OWN = /\bDOCKER\b|\bDOCKER-|\bdocker0\b/;

/** Input for `iptables-restore --noflush` that removes Docker's part of an `iptables-save`. */
export function planDockerLeftovers(saved: string, forwardPolicy: string): string {
  const out: string[] = [];
  for (const table of saved.split(/^(?=\*)/m).filter((text) => text.startsWith('*'))) {
    const lines = table.split('\n');
    const chains = lines.flatMap((line) => /^:(DOCKER\S*)/.exec(line)?.[1] ?? []);
    const rules = lines.filter(
      (line) => line.startsWith('-A ') && !line.startsWith('-A DOCKER') && OWN.test(line),
    );
    if (chains.length === 0 && rules.length === 0) continue;
    out.push(
      lines[0]!,
      ...(lines[0] === '*filter' ? [`:FORWARD ${forwardPolicy} [0:0]`] : []),
      ...rules.map((rule) => `-D ${rule.slice('-A '.length)}`),
      ...chains.map((chain) => `-F ${chain}`),
      ...chains.map((chain) => `-X ${chain}`),
      'COMMIT',
    );
  }
  return out.length === 0 ? '' : `${out.join('\n')}\n`;
}

/** `ACCEPT` or `DROP`; Docker sets the latter when it switches forwarding on. */
export const forwardPolicyOf = (saved: string): string =>
  /^:FORWARD (\S+)/m.exec(saved)?.[1] ?? 'ACCEPT';

export const saveRules = (): Promise<string> => output('iptables-save', []);

export async function removeDockerLeftovers(forwardPolicy: string): Promise<void> {
  const plan = planDockerLeftovers(await saveRules(), forwardPolicy);
  if (plan !== '') await output('iptables-restore', ['--noflush', '-w', '5'], plan);
  await output('ip', ['link', 'delete', 'docker0']).catch(() => {}); // It may never have been.
}

function output(command: string, args: readonly string[], input = ''): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk) => {
      stdout += chunk;
    });
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
    });
    child.on('error', reject);
    child.on('close', (code) =>
      code === 0 ? resolve(stdout) : reject(new Error(`${command} failed: ${stderr.trim()}`)),
    );
    child.stdin.end(input);
  });
}
