// Talking to processes in containers: exec, attach, logs. Without a terminal the engine sends
// standard output and error as frames of one stream: [channel, 0, 0, 0, length (4, big endian)].

import { readFile } from 'node:fs/promises';
import { PassThrough, type Readable, Transform } from 'node:stream';
import type Dockerode from 'dockerode';
import type { Clock } from '../../../machinery/clock.ts';
import type { ExecOptions, LogOptions, Session } from '../runtime.ts';

const FRAME_HEADER_BYTES = 8;
const STDERR = 2;
/** Together a few seconds: whoever was cut off from a command must not take it for a success. */
const EXIT_ASKS_MAX = 100;
const EXIT_ASK_MS = 50;

export async function exec(
  { docker, clock }: { readonly docker: Dockerode; readonly clock: Clock },
  id: string,
  { command, tty, stdin }: ExecOptions,
): Promise<Session> {
  const created = await docker.getContainer(id).exec({
    Cmd: [...command],
    AttachStdin: stdin,
    AttachStdout: true,
    AttachStderr: !tty,
    Tty: tty,
  });
  const socket = await created.start({ hijack: true, stdin: true, Tty: tty });
  const session = sessionOf(
    socket,
    { tty, stdin },
    {
      exitCode: () => exitCodeOf(created, clock),
      resize: async (w, h) => void (await created.resize({ w, h })),
    },
  );
  let isOver = false;
  session.exitCode.finally(() => (isOver = true)).catch(() => {});
  const close = (): void => {
    if (!isOver) void killLeftover(created, id).catch(() => {}); // It ends with its container.
    session.close();
  };
  return { ...session, close };
}

/** Its output may end a little before the engine knows how the command did. */
async function exitCodeOf(command: Dockerode.Exec, clock: Clock): Promise<number> {
  for (let ask = 0; ask < EXIT_ASKS_MAX; ask++) {
    const { ExitCode: code } = (await command.inspect()) as { readonly ExitCode: number | null };
    if (code !== null) return code;
    await clock.sleep(EXIT_ASK_MS);
  }
  throw new Error('the engine does not tell how the command ended');
}

/** The engine lets a command go on for ever when nobody listens to it any more. */
async function killLeftover(command: Dockerode.Exec, containerId: string): Promise<void> {
  const { Running: isRunning, Pid: pid } = await command.inspect();
  if (!isRunning || pid <= 0) return;
  // Where the engine runs on another machine, this number is somebody else's here.
  const cgroups = await readFile(`/proc/${pid}/cgroup`, 'utf8');
  if (cgroups.includes(containerId)) process.kill(pid, 'SIGKILL');
}

export async function attach(
  docker: Dockerode,
  id: string,
  options: Omit<ExecOptions, 'command'>,
): Promise<Session> {
  const container = docker.getContainer(id);
  const socket = await container.attach({
    hijack: true,
    stream: true,
    stdin: options.stdin,
    stdout: true,
    stderr: true,
  });
  return sessionOf(socket, options, {
    exitCode: async () => (await container.inspect()).State.ExitCode,
    resize: async (w, h) => void (await container.resize({ w, h })),
  });
}

/** Standard output and error in one stream, in the order they were written. */
export async function logs(
  docker: Dockerode,
  id: string,
  { options, isTty, signal }: { options: LogOptions; isTty: boolean; signal: AbortSignal },
): Promise<Readable> {
  const answer = await dialStream(
    docker,
    `/containers/${id}/logs?`,
    {
      stdout: true,
      stderr: true,
      follow: options.follow,
      timestamps: options.timestamps,
      ...(options.tailLines !== undefined && { tail: options.tailLines }),
      ...(options.sinceMs !== undefined && { since: sinceOf(options.sinceMs) }),
    },
    signal,
  );
  const out = new PassThrough();
  const sink = isTty ? out : deframe(out, out);
  // What the engine broke off must not look like the end of the log.
  answer.on('error', (error) => (signal.aborted ? sink.end() : out.destroy(error)));
  answer.pipe(sink);
  if (sink !== out) sink.on('finish', () => out.end());
  return out;
}

/** Straight to the modem: the client's own `logs` buffers, and parses what looks like JSON. */
function dialStream(
  docker: Dockerode,
  path: string,
  options: Readonly<Record<string, unknown>>,
  signal: AbortSignal,
): Promise<Readable> {
  const modem = docker.modem as unknown as {
    dial(
      request: Readonly<Record<string, unknown>>,
      done: (error: unknown, stream: Readable) => void,
    ): void;
  };
  const request = {
    path,
    method: 'GET',
    isStream: true,
    abortSignal: signal,
    statusCodes: { 200: true, 404: 'no such container', 500: 'server error' },
    options,
  };
  return new Promise((resolve, reject) => {
    modem.dial(request, (error, stream) => (error ? reject(error) : resolve(stream)));
  });
}

interface Controls {
  exitCode(): Promise<number>;
  resize(width: number, height: number): Promise<void>;
}

function sessionOf(
  socket: NodeJS.ReadWriteStream,
  { tty, stdin }: Omit<ExecOptions, 'command'>,
  controls: Controls,
): Session {
  const stdout = new PassThrough();
  const stderr = tty ? undefined : new PassThrough();
  const ended = new Promise<void>((resolve) => {
    socket.once('end', resolve);
    socket.once('close', resolve);
    socket.once('error', () => resolve());
  });
  const sink = stderr ? deframe(stdout, stderr) : stdout;
  socket.pipe(sink);
  sink.once('finish', () => {
    stdout.end();
    stderr?.end();
  });
  const exitCode = ended.then(() => {
    sink.end();
    // The engine keeps its half open as long as ours is: each session would leave a socket behind.
    (socket as unknown as PassThrough).destroy();
    return controls.exitCode();
  });
  exitCode.catch(() => {}); // Whoever waits for it sees the failure.
  return {
    ...(stdin && { stdin: socket as unknown as PassThrough }),
    stdout,
    ...(stderr && { stderr }),
    exitCode,
    resize: newestFirst(controls.resize),
    close: () => (socket as unknown as PassThrough).destroy(),
  };
}

/** One at a time, and of those that wait only the newest: requests could overtake one another. */
export function newestFirst(resize: Controls['resize']): Controls['resize'] {
  let next: readonly [number, number] | undefined;
  let running: Promise<void> | undefined;
  const run = async (): Promise<void> => {
    while (next) {
      const [width, height] = next;
      next = undefined;
      await resize(width, height);
    }
  };
  return (width, height) => {
    next = [width, height];
    running ??= run().finally(() => {
      running = undefined;
    });
    return running;
  };
}

/** Takes frames in, writes their contents out; stops taking while an output is full. */
export function deframe(stdout: PassThrough, stderr: PassThrough): Transform {
  let rest: Buffer = Buffer.alloc(0);
  const write = async (chunk: Buffer): Promise<void> => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    while (rest.length >= FRAME_HEADER_BYTES) {
      const end = FRAME_HEADER_BYTES + rest.readUInt32BE(4);
      if (rest.length < end) return;
      const out = rest[0] === STDERR ? stderr : stdout;
      const content = rest.subarray(FRAME_HEADER_BYTES, end);
      rest = rest.subarray(end);
      if (!out.write(content)) await new Promise((resolve) => out.once('drain', resolve));
    }
  };
  return new Transform({
    transform(chunk: Buffer, _, done) {
      write(chunk).then(() => done(), done);
    },
  });
}

/** The engine takes seconds with nine decimals. */
const sinceOf = (ms: number): string =>
  `${Math.floor(ms / 1000)}.${String(ms % 1000).padStart(3, '0')}000000`;
