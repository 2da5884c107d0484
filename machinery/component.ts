// The host of a component: a small health server, and a main that ends cleanly.
//   runComponent('scheduler', async (signal) => { ... }) in main.ts:
//   SIGTERM or SIGINT aborts the signal; a second one ends at once; a failure is logged, exit 1.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { splitAddress } from './address.ts';
import { HelpRequest, UsageError } from './flags.ts';
import { stdoutLog } from './log.ts';
import type { Metrics } from './metrics.ts';

/** Throws, or answers false, when the component is not well. */
export type HealthCheck = () => boolean | Promise<boolean>;

export interface HealthOptions {
  /** `host:port`; port 0 chooses a free one. */
  readonly listen: string;
  /** What /readyz asks. */
  readonly checks?: Readonly<Record<string, HealthCheck>>;
  /** What /livez and /healthz ask: only what a restart would mend. */
  readonly liveChecks?: Readonly<Record<string, HealthCheck>>;
  readonly metrics: Metrics;
  readonly signal: AbortSignal;
}

export interface HealthServer {
  readonly port: number;
}

/** Nobody asks this server for long answers: few connections, short patience. */
const CONNECTIONS_MAX = 64;
const REQUEST_TIMEOUT_MS = 5_000;
/** A second signal does not wait for a clean end. */
const EXIT_IMPATIENT = 130;
const STOP_SIGNALS = ['SIGTERM', 'SIGINT'] as const;

export async function serveHealth(options: HealthOptions): Promise<HealthServer> {
  const server = createServer((request, response) => {
    answer(options, request, response).catch(() => response.destroy());
  });
  server.maxConnections = CONNECTIONS_MAX;
  server.requestTimeout = REQUEST_TIMEOUT_MS;
  const { host, port } = splitAddress(options.listen);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  const close = () => {
    server.close();
    server.closeAllConnections();
  };
  if (options.signal.aborted) close();
  else options.signal.addEventListener('abort', close, { once: true });
  return { port: (server.address() as AddressInfo).port };
}

/**
 * Runs `main` as the whole process: when it settles, the process ends, whatever else is still
 * open. `main` settles once its signal is aborted.
 */
export async function runComponent(
  name: string,
  main: (signal: AbortSignal) => Promise<void>,
  exit: (code: number) => void = (code) => process.exit(code),
): Promise<void> {
  const stop = new AbortController();
  const onSignal = (signal: NodeJS.Signals) => {
    if (stop.signal.aborted) exit(EXIT_IMPATIENT);
    stop.abort(new Error(`stopped by ${signal}`));
  };
  for (const signal of STOP_SIGNALS) process.on(signal, onSignal);
  let code = 0;
  try {
    await main(stop.signal);
  } catch (error) {
    const isStop = stop.signal.aborted && error === stop.signal.reason;
    if (!isStop) code = report(name, error);
  } finally {
    for (const signal of STOP_SIGNALS) process.off(signal, onSignal);
  }
  exit(code);
}

function report(name: string, error: unknown): number {
  if (error instanceof HelpRequest) {
    process.stdout.write(`${error.message}\n`);
    return 0;
  }
  if (error instanceof UsageError) {
    process.stderr.write(`${name}: ${error.message} (--help lists the flags)\n`);
    return 2;
  }
  stdoutLog(name, 'error').error('ended by a failure', { error });
  return 1;
}

async function answer(
  options: HealthOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost');
  if (request.method !== 'GET' && request.method !== 'HEAD') return send(response, 405, '');
  switch (pathname) {
    case '/healthz':
    case '/livez':
      return sendChecks(response, options.liveChecks ?? {}, searchParams.has('verbose'));
    case '/readyz':
      return sendChecks(response, options.checks ?? {}, searchParams.has('verbose'));
    case '/metrics':
      response.setHeader('Content-Type', options.metrics.contentType);
      return send(response, 200, await options.metrics.text());
    default:
      return send(response, 404, '404 page not found\n');
  }
}

async function sendChecks(
  response: ServerResponse,
  checks: Readonly<Record<string, HealthCheck>>,
  isVerbose: boolean,
): Promise<void> {
  const results = await Promise.all(
    Object.entries(checks).map(async ([name, check]) => ({ name, isOk: await passes(check) })),
  );
  const isOk = results.every((result) => result.isOk);
  const lines = results.map((result) =>
    result.isOk ? `[+]${result.name} ok` : `[-]${result.name} failed`,
  );
  const verdict = `check ${isOk ? 'passed' : 'failed'}`;
  const text = isVerbose || !isOk ? `${[...lines, verdict].join('\n')}\n` : 'ok';
  send(response, isOk ? 200 : 500, text);
}

async function passes(check: HealthCheck): Promise<boolean> {
  try {
    return await check();
  } catch {
    return false;
  }
}

function send(response: ServerResponse, code: number, text: string): void {
  if (!response.hasHeader('Content-Type')) {
    response.setHeader('Content-Type', 'text/plain; charset=utf-8');
  }
  response.setHeader('X-Content-Type-Options', 'nosniff');
  response.writeHead(code).end(text);
}
