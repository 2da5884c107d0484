// A container that joined a pooled sandbox starts with the pool's hostname. Its UTS namespace is
// its own, so the right name can be set from outside as soon as its process is there.

import { spawn } from 'node:child_process';

/** Settles in any case: a wrong hostname is no reason to take a running container down. */
export function setHostname(pid: number, hostname: string): Promise<void> {
  const argv = [`--uts=/proc/${pid}/ns/uts`, '--', 'hostname', hostname];
  const child = spawn('nsenter', argv, { stdio: 'ignore' });
  return new Promise((resolve) => {
    child.once('error', () => resolve());
    child.once('exit', () => resolve());
  });
}
