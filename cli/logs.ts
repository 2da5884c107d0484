// `wherry logs COMPONENT`: what a process of the cluster has to tell.

import { createReadStream, existsSync, readdirSync, readFileSync, statSync, watch } from 'node:fs';
import { join } from 'node:path';
import { layoutOf } from './cluster/config.ts';

export interface LogsOptions {
  readonly dir: string;
  readonly component: string;
  readonly follow: boolean;
  /** Last lines only; absent: all. */
  readonly tail: number | undefined;
}

export async function logs(
  { dir, component, follow, tail }: LogsOptions,
  out: NodeJS.WritableStream,
  signal: AbortSignal,
): Promise<void> {
  const folder = layoutOf(dir).logs;
  const path = join(folder, `${component}.log`);
  if (!/^[\w.-]+$/.test(component) || !existsSync(path)) {
    const known = existsSync(folder) ? componentsIn(folder).join(', ') : '';
    throw new Error(`no logs of "${component}"; there are: ${known || 'none yet'}`);
  }
  const text = readFileSync(path, 'utf8');
  out.write(tail === undefined ? text : lastLines(text, tail));
  if (follow) await followFile(path, Buffer.byteLength(text), { out, signal });
}

const componentsIn = (folder: string): string[] =>
  readdirSync(folder)
    .filter((name) => name.endsWith('.log'))
    .map((name) => name.slice(0, -'.log'.length));

export function lastLines(text: string, count: number): string {
  if (count <= 0) return '';
  const lines = text.split('\n');
  const kept = lines.slice(-(text.endsWith('\n') ? count + 1 : count));
  return kept.join('\n');
}

interface Following {
  readonly out: NodeJS.WritableStream;
  readonly signal: AbortSignal;
}

/** Copies what is appended until aborted. */
function followFile(path: string, start: number, { out, signal }: Following): Promise<void> {
  let offset = start;
  let copying = false;
  const copy = () => {
    const { size } = statSync(path);
    if (copying || size <= offset) return;
    copying = true;
    const stream = createReadStream(path, { start: offset, end: size - 1 });
    offset = size;
    stream.pipe(out, { end: false });
    stream.on('close', () => {
      copying = false;
      copy();
    });
  };
  return new Promise((resolve) => {
    const watcher = watch(path, copy);
    signal.addEventListener('abort', () => {
      watcher.close();
      resolve();
    });
    copy();
  });
}
