// Did the kernel kill a container's process for want of memory? The engine is told of it by an
// event of the cgroup, which it misses when the cgroup is gone first. The kernel's log knows.

import { constants } from 'node:fs';
import { open } from 'node:fs/promises';

const KERNEL_LOG = '/dev/kmsg';
const RECORD_BYTES_MAX = 8192; // The kernel never gives more at once.
const RECORDS_MAX = 50_000; // More than its ring holds by default.

/** False too where the kernel's log cannot be read. */
export async function wasOutOfMemory(containerId: string): Promise<boolean> {
  const flags = constants.O_RDONLY | constants.O_NONBLOCK;
  const log = await open(KERNEL_LOG, flags).catch(() => undefined);
  if (!log) return false;
  try {
    const buffer = Buffer.alloc(RECORD_BYTES_MAX);
    for (let i = 0; i < RECORDS_MAX; i++) {
      const { bytesRead } = await log.read(buffer, 0, buffer.length, null);
      if (isKillOf(containerId, buffer.toString('latin1', 0, bytesRead))) return true;
    }
  } catch {
    // At its end, the log has nothing to read now: EAGAIN.
  } finally {
    await log.close();
  }
  return false;
}

/** `…oom-kill:constraint=CONSTRAINT_MEMCG,…,oom_memcg=/docker/<id>,task_memcg=/docker/<id>,…` */
export function isKillOf(containerId: string, record: string): boolean {
  if (!record.includes('oom-kill:constraint=CONSTRAINT_MEMCG')) return false;
  return /,oom_memcg=([^,]*)/.exec(record)?.[1]?.includes(containerId) ?? false;
}
