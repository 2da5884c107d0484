// Lifecycle hooks and the actions that probes share: run a command, ask over HTTP, open a socket.

import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect } from 'node:net';
import type { Clock } from '../../machinery/clock.ts';
import type {
  Container as ContainerSpec,
  ExecAction,
  HTTPGetAction,
  LifecycleHandler,
  TCPSocketAction,
} from '../../proto/generated/core.v1.ts';
import type { Container, Runtime } from '../runtime/runtime.ts';

/** Answers are for people to read in an event; more would be cut there anyway. */
const OUTPUT_BYTES_MAX = 10 * 1024;
const HTTP_TIMEOUT_MS = 30_000;

export interface HookSubject {
  readonly spec: ContainerSpec;
  readonly container: Container;
  readonly podIp: string;
}

export interface ActionAnswer {
  readonly isOk: boolean;
  readonly output: string;
}

/** Rejects when the hook fails. */
export async function runHook(
  { runtime, clock }: { readonly runtime: Runtime; readonly clock: Clock },
  hook: LifecycleHandler,
  subject: HookSubject,
): Promise<void> {
  if (hook.sleep) return clock.sleep(hook.sleep.seconds * 1000);
  if (runtime.isSimulated) return;
  const answer = hook.exec
    ? await execIn(runtime, subject.container.id, hook.exec)
    : await within(clock, HTTP_TIMEOUT_MS, (signal) => ask(hook, subject, signal));
  if (!answer.isOk) throw new Error(answer.output);
}

async function ask(
  { httpGet: http, tcpSocket }: LifecycleHandler,
  subject: HookSubject,
  signal: AbortSignal,
): Promise<ActionAnswer> {
  if (http) return httpGet(http, subject, signal);
  return tcpSocket ? dial(tcpSocket, subject, signal) : { isOk: true, output: '' };
}

/** Aborts what takes too long. */
export async function within<T>(
  clock: Clock,
  limitMs: number,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const stop = new AbortController();
  const cancel = clock.after(limitMs, () => stop.abort());
  try {
    return await work(stop.signal);
  } finally {
    cancel();
  }
}

/** Aborted, it ends the command. */
export async function execIn(
  runtime: Runtime,
  id: string,
  { command = [] }: ExecAction,
  signal?: AbortSignal,
): Promise<ActionAnswer> {
  const late: ActionAnswer = { isOk: false, output: 'command timed out' };
  if (signal?.aborted) return late;
  const session = await runtime.exec(id, { command, tty: false, stdin: false });
  const close = (): void => session.close();
  if (signal?.aborted) close();
  signal?.addEventListener('abort', close, { once: true });
  let output = '';
  const keep = (chunk: unknown): void => {
    if (output.length < OUTPUT_BYTES_MAX) output += String(chunk);
  };
  session.stdout.on('data', keep);
  session.stderr?.on('data', keep);
  try {
    const code = await session.exitCode;
    if (signal?.aborted) return late;
    const text = output.slice(0, OUTPUT_BYTES_MAX);
    return { isOk: code === 0, output: text || (code === 0 ? '' : `command ended with ${code}`) };
  } finally {
    signal?.removeEventListener('abort', close);
    close(); // A socket left open would stay open in the engine too.
  }
}

export function portOf(port: number | string, { ports = [] }: ContainerSpec): number {
  if (typeof port === 'number') return port;
  const named = ports.find(({ name }) => name === port);
  return named?.containerPort ?? Number(port);
}

export function httpGet(
  action: HTTPGetAction,
  { spec, podIp }: HookSubject,
  signal: AbortSignal,
): Promise<ActionAnswer> {
  const isTls = action.scheme === 'HTTPS';
  const headers = Object.fromEntries(
    (action.httpHeaders ?? []).map(({ name, value }) => [name, value]),
  );
  const options = {
    host: action.host || podIp,
    port: portOf(action.port, spec),
    path: action.path || '/',
    headers: { 'User-Agent': 'kube-probe/1.36', Accept: '*/*', ...headers },
    agent: false,
    signal,
    rejectUnauthorized: false, // Probes ask whether a server answers, not who it is.
  } as const;
  return new Promise((resolve) => {
    const send = isTls ? httpsRequest : httpRequest;
    const request = send(options, (response) => {
      const code = response.statusCode ?? 0;
      response.destroy();
      const isOk = code >= 200 && code < 400;
      resolve({ isOk, output: isOk ? '' : `HTTP probe failed with statuscode: ${code}` });
    });
    request.once('error', (error) => resolve({ isOk: false, output: error.message }));
    request.end();
  });
}

export function dial(
  { host, port }: TCPSocketAction,
  { spec, podIp }: HookSubject,
  signal: AbortSignal,
): Promise<ActionAnswer> {
  return new Promise((resolve) => {
    const socket = connect({ host: host || podIp, port: portOf(port, spec), signal });
    socket.once('connect', () => {
      socket.destroy();
      resolve({ isOk: true, output: '' });
    });
    socket.once('error', (error) => resolve({ isOk: false, output: error.message }));
  });
}
