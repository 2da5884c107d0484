// What a container said at its end: its termination message file or, if it asks for that, the
// end of its log.

import { open } from 'node:fs/promises';
import type { Container as ContainerSpec } from '../../proto/generated/core.v1.ts';
import type { Container, Runtime } from '../runtime/runtime.ts';

const MESSAGE_BYTES_MAX = 4096;
const LOG_BYTES_MAX = 2048;
const LOG_LINES_MAX = 80;

export async function lastWordsOf(
  runtime: Runtime,
  spec: ContainerSpec | undefined,
  run: Container,
): Promise<string> {
  const written = await endOfFile(run.terminationLog, MESSAGE_BYTES_MAX);
  const wantsLog = spec?.terminationMessagePolicy === 'FallbackToLogsOnError';
  if (written !== '' || !wantsLog || run.exitCode === 0) return written;
  const stop = new AbortController();
  const options = { follow: false, timestamps: false, tailLines: LOG_LINES_MAX };
  let text = '';
  for await (const chunk of await runtime.logs(run.id, options, stop.signal)) {
    text = `${text}${String(chunk)}`.slice(-LOG_BYTES_MAX);
  }
  return text;
}

async function endOfFile(path: string, bytesMax: number): Promise<string> {
  if (path === '') return '';
  const file = await open(path).catch(() => undefined);
  if (!file) return '';
  try {
    const { size } = await file.stat();
    const buffer = Buffer.alloc(Math.min(size, bytesMax));
    const { bytesRead } = await file.read(buffer, 0, buffer.length, Math.max(0, size - bytesMax));
    return buffer.subarray(0, bytesRead).toString('utf8');
  } finally {
    await file.close();
  }
}
