import { expect, onTestFinished, test } from 'vitest';
import { serveHealth } from './component.ts';
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
