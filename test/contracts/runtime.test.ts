import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import Dockerode from 'dockerode';
import { expect, test } from 'vitest';
import { dockerRuntime } from '../../kubelet/runtime/docker/docker.ts';
import { HOLLOW_DEFAULTS, hollowRuntime } from '../../kubelet/runtime/hollow.ts';
import type { Runtime } from '../../kubelet/runtime/runtime.ts';
import { systemClock as clock } from '../../machinery/clock.ts';
import { silentLog as log } from '../../machinery/log.ts';
import { systemRandom as random } from '../../machinery/random.ts';
import { containerConfig, type Opened, runtimeContract } from './runtime.ts';

runtimeContract('hollow', async () => ({
  image: 'any:1',
  runtime: hollowRuntime(
    {
      ...HOLLOW_DEFAULTS,
      sandboxMs: 1,
      startMs: 1,
      stopMs: 1,
      nodeIp: '127.0.0.1',
      podCidr: '10.128.1.0/24',
    },
    { clock, random },
  ),
  close: async () => {},
}));

const SOCKET = '/var/run/docker.sock';
const IMAGE = 'wherry-contract/busybox:1';
const hasDocker = await new Dockerode({ socketPath: SOCKET }).ping().then(
  () => true,
  () => false,
);

if (hasDocker) {
  runtimeContract('docker', openDocker, dockerOnly);
} else {
  // On a developer's machine it may be missing; in CI a missing engine is a failure.
  test.skipIf(process.env.CI === undefined)(`a Docker engine answers at ${SOCKET}`, () => {
    throw new Error('start one: the runtime contract was not run against Docker');
  });
}

async function openDocker() {
  const docker = new Dockerode({ socketPath: SOCKET });
  await importBusybox();
  const options = {
    socketPath: SOCKET,
    cluster: `contract-${process.pid}`,
    node: 'node-1',
    podCidr: `10.213.${process.pid % 256}.0/24`,
    mtu: 1500,
    poolSize: 2,
  };
  const parts = { clock, random, log, architecture: process.arch };
  const runtime = dockerRuntime(options, parts);
  return {
    runtime,
    image: IMAGE,
    reopen: async () => {
      const again = dockerRuntime(options, parts);
      await again.open();
      return again;
    },
    close: async () => {
      await runtime.destroy();
      const left = await docker.listContainers({
        all: true,
        filters: { label: [`wherry.cluster=${options.cluster}`] },
      });
      expect(left).toEqual([]);
    },
  };
}

/** An image of the static busybox of this machine, and a link for each command. */
async function importBusybox(): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), 'wherry-busybox-'));
  try {
    const binary = await readFile('/usr/bin/busybox').catch(() => readFile('/bin/busybox'));
    await writeFile(join(root, 'busybox'), binary, { mode: 0o755 });
    for (const name of ['sh', 'sleep', 'cat', 'echo', 'hostname', 'stty', 'id']) {
      await symlink('busybox', join(root, name));
    }
    const tar = spawnSync('tar', ['-C', root, '-c', '.'], { maxBuffer: 64 * 1024 * 1024 });
    const change = ['--change', 'ENV PATH=/'];
    const made = spawnSync('docker', ['import', ...change, '-', IMAGE], { input: tar.stdout });
    expect(made.status, String(made.stderr)).toBe(0);
  } finally {
    await rm(root, { recursive: true });
  }
}

const textOf = async (stream: Readable): Promise<string> => {
  let text = '';
  for await (const chunk of stream) text += String(chunk);
  return text;
};

function dockerOnly(opened: () => Opened): void {
  const script = (text: string) => ({ command: ['sh', '-c', text] });
  const never = new AbortController().signal;
  const plainLogs = { follow: false, timestamps: false };

  test('a sandbox from the pool is a rename away, and the pool fills up again', async () => {
    const { runtime, startOne } = opened();
    const stop = new AbortController();
    const maintaining = runtime.maintain(stop.signal);
    const docker = new Dockerode({ socketPath: SOCKET });
    const pooled = async () => {
      const all = await docker.listContainers();
      const name = `wherry_pool_contract-${process.pid}_`;
      return all.filter(({ Names }) => Names[0]?.includes(name)).map(({ Id }) => Id);
    };
    await expect.poll(async () => (await pooled()).length, { timeout: 20_000 }).toBe(2);
    const ready = await pooled();
    const [sandbox] = await startOne('pooled');
    expect(ready).toContain(sandbox.id);
    await expect.poll(async () => (await pooled()).length, { timeout: 20_000 }).toBe(2);
    stop.abort();
    await maintaining;
  });

  test('logs are what was written, and can be cut, stamped and followed', async () => {
    const { runtime, startOne, told } = opened();
    const [, { id }] = await startOne('logs', script('echo one; echo two; echo three'));
    await told('uid-logs');
    expect(await textOf(await runtime.logs(id, plainLogs, never))).toBe('one\ntwo\nthree\n');
    const tail = await runtime.logs(id, { ...plainLogs, tailLines: 1 }, never);
    expect(await textOf(tail)).toBe('three\n');
    const stamped = await textOf(await runtime.logs(id, { ...plainLogs, timestamps: true }, never));
    expect(stamped.split('\n')[0]).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z one$/);
    const followed = await runtime.logs(id, { ...plainLogs, follow: true }, never);
    expect(await textOf(followed)).toBe('one\ntwo\nthree\n');
  });

  test('logs hold both outputs', async () => {
    const { runtime, startOne, told } = opened();
    const [, { id }] = await startOne('both', script('echo out; echo err >&2'));
    await told('uid-both');
    const lines = (await textOf(await runtime.logs(id, plainLogs, never))).split('\n');
    expect(lines.toSorted()).toEqual(['', 'err', 'out']);
  });

  test('a log of valid JSON comes as it was written', async () => {
    const { runtime, startOne, told } = opened();
    const [, { id }] = await startOne('json', script('echo \'{"a":  1}\''));
    await told('uid-json');
    expect(await textOf(await runtime.logs(id, plainLogs, never))).toBe('{"a":  1}\n');
  });

  test('exec gives input, takes both outputs, and the exit code', async () => {
    const { runtime, startOne } = opened();
    const [, { id }] = await startOne('exec');
    const command = ['sh', '-c', 'cat; echo err >&2; exit 7'];
    const session = await runtime.exec(id, { command, tty: false, stdin: true });
    session.stdin?.end('hello\n');
    const outputs = Promise.all([textOf(session.stdout), textOf(session.stderr!)]);
    expect(await session.exitCode).toBe(7);
    expect(await outputs).toEqual(['hello\n', 'err\n']);
  });

  test('a terminal has a size', async () => {
    const { runtime, startOne } = opened();
    const [, { id }] = await startOne('tty');
    const command = ['sh', '-c', 'until [ "$(stty size)" = "7 31" ]; do sleep 0.05; done; echo ok'];
    const session = await runtime.exec(id, { command, tty: true, stdin: false });
    await session.resize(31, 7);
    expect(await textOf(session.stdout)).toMatch(/ok\r\n$/);
    expect(await session.exitCode).toBe(0);
  });

  test('attach shows what a running process writes', async () => {
    const { runtime, startOne } = opened();
    const [, { id }] = await startOne('attach', { ...script('read x; echo got $x'), stdin: true });
    const session = await runtime.attach(id, { tty: false, stdin: true });
    session.stdin?.write('it\n');
    expect(await textOf(session.stdout)).toBe('got it\n');
    expect(await session.exitCode).toBe(0);
  });

  test('the exit code, and the end for lack of memory, are told', async () => {
    const { runtime, startOne, told } = opened();
    const [, failed] = await startOne('code', script('exit 3'));
    await told('uid-code');
    expect(await runtime.inspectContainer(failed.id)).toMatchObject({ exitCode: 3 });
    const eat = script('x=a; while :; do x=$x$x$x; done');
    const [, hungry] = await startOne('oom', { ...eat, limits: { memoryBytes: 16 * 1024 ** 2 } });
    await told('uid-oom');
    await expect
      .poll(async () => (await runtime.inspectContainer(hungry.id))?.isOomKilled)
      .toBe(true);
  });

  test('a command that is not there is an error that stays with the container', async () => {
    const { runtime, startOne } = opened();
    await expect(startOne('nosuch', { command: ['/no/such'] })).rejects.toThrow('no such file');
    const { containers } = await runtime.list();
    const left = containers.find(({ pod }) => pod.uid === 'uid-nosuch');
    expect(left).toMatchObject({ state: 'created', error: expect.stringContaining('/no/such') });
  });

  test('a container of the same name that was left behind is replaced', async () => {
    const { runtime, startOne, image } = opened();
    const [sandbox, first] = await startOne('left');
    const id = await runtime.createContainer(sandbox, containerConfig(sandbox, image));
    expect(id).not.toBe(first.id);
    expect(await runtime.inspectContainer(first.id)).toBeUndefined();
  });

  test('the hostname of a pooled sandbox becomes the one of the pod', async () => {
    const { runtime, startOne } = opened();
    const [, { id }] = await startOne('named');
    const session = await runtime.exec(id, { command: ['hostname'], tty: false, stdin: false });
    expect(await textOf(session.stdout)).toBe('named\n');
  });

  test('after a restart all is found again as it was', async () => {
    const { runtime, startOne, reopen } = opened();
    const [sandbox, container] = await startOne('found');
    const again: Runtime = (await reopen?.()) ?? runtime;
    const { sandboxes, containers } = await again.list();
    expect(sandboxes.find(({ id }) => id === sandbox.id)).toMatchObject({
      pod: sandbox.pod,
      isRunning: true,
      ip: sandbox.ip,
    });
    expect(containers.find(({ id }) => id === container.id)).toEqual(container);
  });
}
