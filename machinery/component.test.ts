import { expect, onTestFinished, test } from 'vitest';
import { runComponent, serveHealth } from './component.ts';
import { HelpRequest, UsageError } from './flags.ts';
import { createMetrics } from './metrics.ts';

async function serve(checks: Record<string, () => boolean>) {
  const stop = new AbortController();
  onTestFinished(() => stop.abort());
  const { port } = await serveHealth({
    listen: '127.0.0.1:0',
    checks,
    metrics: createMetrics(),
    signal: stop.signal,
  });
  const get = async (path: string, init?: RequestInit) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, init);
    return { code: response.status, text: await response.text() };
  };
  return { get, stop };
}

test('a well component answers ok, and lists its checks when asked', async () => {
  const { get } = await serve({ informers: () => true });
  expect(await get('/readyz')).toEqual({ code: 200, text: 'ok' });
  expect(await get('/healthz')).toEqual({ code: 200, text: 'ok' });
  expect((await get('/readyz?verbose')).text).toBe('[+]informers ok\ncheck passed\n');
  expect((await get('/metrics')).text).toContain('process_resident_memory_bytes');
});

test('a failing check makes it unready, but not dead', async () => {
  const { get } = await serve({
    informers: () => true,
    store: () => {
      throw new Error('gone');
    },
  });
  expect(await get('/readyz')).toEqual({
    code: 500,
    text: '[+]informers ok\n[-]store failed\ncheck failed\n',
  });
  expect((await get('/livez')).code).toBe(200);
});

test('nothing else is served, and the server ends with its signal', async () => {
  const { get, stop } = await serve({});
  expect((await get('/etc/passwd')).code).toBe(404);
  expect((await get('/healthz', { method: 'POST' })).code).toBe(405);
  stop.abort();
  await expect(get('/healthz')).rejects.toThrow();
});

async function exitCodesOf(main: (signal: AbortSignal) => Promise<void>): Promise<number[]> {
  const codes: number[] = [];
  await runComponent('test', main, (code) => codes.push(code));
  return codes;
}

const newestListener = () => process.listeners('SIGTERM').at(-1)!;

test('SIGTERM aborts the signal, and a main that ends by it has ended well', async () => {
  const before = process.listenerCount('SIGTERM');
  const codes = await exitCodesOf(async (signal) => {
    newestListener()('SIGTERM');
    signal.throwIfAborted();
  });
  expect(codes).toEqual([0]);
  expect(process.listenerCount('SIGTERM')).toBe(before);
});

test('a second signal ends the process at once', async () => {
  const codes = await exitCodesOf(async () => {
    const listener = newestListener();
    listener('SIGTERM');
    listener('SIGTERM');
  });
  expect(codes[0]).toBe(130);
});

test('the exit code tells a failure from a wrong command line, and help from both', async () => {
  expect(await exitCodesOf(() => Promise.reject(new Error('a failure of this test')))).toEqual([1]);
  expect(await exitCodesOf(() => Promise.reject(new UsageError('unknown flag --x')))).toEqual([2]);
  expect(await exitCodesOf(() => Promise.reject(new HelpRequest('Usage: test')))).toEqual([0]);
});
