// What a container uses, from its cgroup: the engine's own answer takes a second or two.

import { readFile } from 'node:fs/promises';
import type { Usage } from '../runtime.ts';

const ROOT = '/sys/fs/cgroup';

export async function usageOf(id: string): Promise<Usage | undefined> {
  return (await usageV1(id)) ?? (await usageV2(id));
}

async function usageV1(id: string): Promise<Usage | undefined> {
  const cpu = await read(`${ROOT}/cpuacct/docker/${id}/cpuacct.usage`);
  const memory = await read(`${ROOT}/memory/docker/${id}/memory.usage_in_bytes`);
  const stat = await read(`${ROOT}/memory/docker/${id}/memory.stat`);
  if (cpu === undefined || memory === undefined) return undefined;
  const inactive = fieldOf(stat ?? '', 'total_inactive_file');
  return { cpuNanos: Number(cpu), memoryBytes: Math.max(0, Number(memory) - inactive) };
}

async function usageV2(id: string): Promise<Usage | undefined> {
  for (const folder of [`${ROOT}/system.slice/docker-${id}.scope`, `${ROOT}/docker/${id}`]) {
    const cpu = await read(`${folder}/cpu.stat`);
    const memory = await read(`${folder}/memory.current`);
    if (cpu === undefined || memory === undefined) continue;
    const inactive = fieldOf((await read(`${folder}/memory.stat`)) ?? '', 'inactive_file');
    return {
      cpuNanos: fieldOf(cpu, 'usage_usec') * 1000,
      memoryBytes: Math.max(0, Number(memory) - inactive),
    };
  }
  return undefined;
}

const fieldOf = (text: string, name: string): number =>
  Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1] ?? 0);

async function read(path: string): Promise<string | undefined> {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch {
    return undefined;
  }
}
