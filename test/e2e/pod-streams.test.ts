// logs, exec, attach, port-forward and cp as the real kubectl does them, with little and with
// much to carry. The pods are in manifests/pod-streams.yaml, all made at once.

import type { ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually, lineOf, type Outcome, run } from './cluster.ts';
import { type PodCluster, startPodCluster } from './pod-cluster.ts';

const MB = 1_000_000;

let cluster: PodCluster;

beforeAll(async () => {
  cluster = await startPodCluster('podstreams', 'pod-streams.yaml');
  const pods = ['pair', 'single', 'ticker', 'listener', 'server'].map((name) => `pod/${name}`);
  await cluster.kubectl('wait', ...pods, '--for=condition=Ready', '--timeout=60s');
});

afterAll(async () => {
  await cluster?.down();
});

const sha256 = (data: Buffer | string): string => createHash('sha256').update(data).digest('hex');

/** Bytes that no compression or repetition makes easier. */
const noise = (bytes: number): Buffer => {
  const blocks: Buffer[] = [];
  for (let i = 0; i * 32 < bytes; i++) blocks.push(createHash('sha256').update(`${i}`).digest());
  return Buffer.concat(blocks).subarray(0, bytes);
};

/** Everything that a command printed, as bytes. */
function outputOf(child: ChildProcess, input?: Buffer): Promise<{ code: number; out: Buffer }> {
  const chunks: Buffer[] = [];
  child.stdout?.on('data', (chunk) => chunks.push(chunk));
  child.stdin?.on('error', () => {});
  child.stdin?.end(input);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code: code ?? -1, out: Buffer.concat(chunks) }));
  });
}

const exec = (pod: string, ...command: string[]): Promise<Outcome> =>
  cluster.tryKubectl({}, 'exec', pod, '--', ...command);

describe.concurrent('logs', () => {
  const logs = (...args: string[]) => cluster.kubectl('logs', ...args);

  test('whole, by lines from the end, by bytes, with times', async () => {
    expect((await logs('single')).trim().split('\n')).toHaveLength(100);
    expect(await logs('single', '--tail=2')).toBe('99\n100\n');
    expect(await logs('single', '--tail=0')).toBe('');
    expect(await logs('single', '--limit-bytes=7')).toBe('1\n2\n3\n4');
    expect(await logs('single', '--tail=1', '--timestamps')).toMatch(
      /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z 100\n$/,
    );
  });

  test('since a while, since a time', async () => {
    const stamped = (await logs('ticker', '--timestamps')).trim().split('\n');
    // Clients tell times in whole seconds.
    const time = `${(stamped.at(-1) ?? '').slice(0, 19)}Z`;
    const first = stamped.find((line) => line >= time.slice(0, -1));
    const since = await logs('ticker', `--since-time=${time}`);
    expect(since.split('\n')[0]).toBe(first?.split(' ').slice(1).join(' '));
    expect(await logs('ticker', '--since=1h')).toMatch(/^tick 0\n/);
    expect(await logs('single', '--since-time=2100-01-01T00:00:00Z')).toBe('');
  });

  test('of one container, of all, of all pods with a label', async () => {
    expect(await logs('pair', '-c', 'two')).toBe('two\n');
    const both = (await logs('pair', '--all-containers')).trim().split('\n').sort();
    expect(both).toEqual(['one err', 'one out', 'two']);
    const chat = await logs('-l', 'app=chat', '--all-containers', '--prefix', '--tail=1');
    expect(chat).toContain('[pod/pair/two] two\n');
    expect(chat).toContain('[pod/single/main] 100\n');
  });

  test('following ends with the container, and nothing is lost', async () => {
    const following = cluster.startKubectl('logs', '-f', 'ticker');
    const all = outputOf(following);
    await lineOf(following, /tick \d+\n[\s\S]*tick \d+\n/);
    await cluster.inside('ticker', 'touch /enough');
    const { code, out } = await all;
    expect(code).toBe(0);
    const lines = out.toString().trim().split('\n');
    expect(lines.at(-1)).toBe('last');
    expect(lines.slice(0, -1)).toEqual(lines.slice(0, -1).map((_, i) => `tick ${i}`));
  });

  test('50 MB were said: the last 40 MB and more are there, without a gap', async () => {
    await cluster.untilPod('talkative', 'is done', (pod) => pod.status?.phase === 'Succeeded');
    const { code, out } = await outputOf(cluster.startKubectl('logs', 'talkative'));
    expect(code).toBe(0);
    expect(out.length).toBeGreaterThan(40 * MB);
    const first = Number(out.subarray(0, 8).toString());
    expect(out.length).toBe((500_000 - first) * 100);
    for (let at = 0, i = first; at < out.length; at += 100, i++) {
      if (Number(out.toString('latin1', at, at + 8)) !== i) expect.fail(`line ${i} is not there`);
    }
  });

  test.each([
    [['nobody'], /error from server \(NotFound\): pods "nobody" not found/],
    [['pair', '-c', 'three'], /container three is not valid for pod pair/],
    [['single', '--previous'], /previous terminated container "main" in pod "single" not found/],
  ])('%j is refused with a reason', async (args, reason) => {
    const { code, stderr } = await cluster.tryKubectl({}, 'logs', ...args);
    expect(code).toBe(1);
    expect(stderr).toMatch(reason);
  });
});

describe.concurrent('exec', () => {
  test('passes both outputs and the exit code', async () => {
    expect(await exec('single', 'sh', '-c', 'echo out; echo err >&2; exit 42')).toEqual({
      code: 42,
      stdout: 'out\n',
      stderr: 'err\ncommand terminated with exit code 42\n',
    });
  });

  test('the exit code of a command that is silent long before it ends', async () => {
    expect((await exec('single', 'sh', '-c', 'exec >&- 2>&-; sleep 1; exit 7')).code).toBe(7);
  });

  test('a command that is not there, a container that is not there, a pod that is not there', async () => {
    const missing = await exec('single', 'nowhere');
    expect(missing.code).not.toBe(0);
    expect(missing.stdout + missing.stderr).toMatch(/nowhere.*not found/);
    const args = ['exec', 'pair', '-c', 'three', '--', 'true'];
    expect((await cluster.tryKubectl({}, ...args)).stderr).toMatch(
      /container three is not valid for pod pair|container not found \("three"\)/,
    );
    expect((await exec('nobody', 'true')).stderr).toMatch(/pods "nobody" not found/);
  });

  test('10 MB of input arrive unharmed, and come back so', async () => {
    const data = noise(10 * MB);
    const hashed = cluster.startKubectl('exec', '-i', 'single', '--', 'sha256sum');
    expect((await outputOf(hashed, data)).out.toString()).toBe(`${sha256(data)}  -\n`);
    const echoed = await outputOf(cluster.startKubectl('exec', '-i', 'single', '--', 'cat'), data);
    expect(sha256(echoed.out)).toBe(sha256(data));
  });

  test('large output arrives whole', async () => {
    const { code, out } = await outputOf(
      cluster.startKubectl('exec', 'single', '--', 'seq', '1', '3000000'),
    );
    expect(code).toBe(0);
    expect(out.length).toBe(22_888_896);
    expect(out.subarray(-8).toString()).toBe('3000000\n');
  });

  test('input that the command does not want does not hold it up', async () => {
    const child = cluster.startKubectl('exec', '-i', 'single', '--', 'true');
    expect((await outputOf(child, noise(5 * MB))).code).toBe(0);
  });

  test('ten at once do not mix', async () => {
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, i) => exec('single', 'sh', '-c', `echo ${i}; exit ${i}`)),
    );
    expect(answers.map(({ code, stdout }) => [code, stdout])).toEqual(
      answers.map((_, i) => [i, `${i}\n`]),
    );
  });

  test('a terminal has the size of the user’s, and follows it', async () => {
    const log = join(cluster.shared, 'terminal');
    const until = (size: string) => `until [ "$(stty size)" = "${size}" ]; do sleep 0.1; done`;
    const inside = `${until('33 101')}; echo first; ${until('50 70')}; echo second`;
    const then = `(until grep -q first ${log}; do sleep 0.1; done; stty -F /dev/tty rows 50 cols 70)`;
    const outside = `stty rows 33 cols 101; ${then} & kubectl exec -it single -- sh -c '${inside}'`;
    const { stdout, code } = await run('script', ['-qefc', outside, log], {
      env: { ...cluster.env, SHELL: '/bin/sh' },
      timeoutMs: 60_000,
    });
    expect(stdout).toMatch(/first\r\n[\s\S]*second\r\n/);
    expect(code).toBe(0);
  });
});

describe.concurrent('attach and run', () => {
  test('attach speaks to the process that runs', async () => {
    const child = cluster.startKubectl('attach', '-i', 'listener');
    try {
      const heard = lineOf(child, /heard good day/);
      child.stdin?.write('good day\n');
      await heard;
    } finally {
      child.kill();
    }
    // Whoever attaches next is heard too.
    const again = cluster.startKubectl('attach', '-i', 'listener');
    try {
      const heard = lineOf(again, /heard me too/);
      again.stdin?.write('me too\n');
      await heard;
    } finally {
      again.kill();
    }
  });

  test('run -i passes input to a pod that lives for it, and its exit code back', async () => {
    const image = '--image=wherry-shop/web:1';
    const flags = ['--rm', '--restart=Never', image, '--quiet'];
    const said = await cluster.tryKubectl(
      { input: 'to be counted' },
      ...['run', 'counter', '-i', ...flags, '--', 'wc', '-c'],
    );
    expect(said).toMatchObject({ code: 0, stdout: expect.stringMatching(/^ *13\n$/) });
    const failed = await cluster.tryKubectl(
      { input: '' },
      ...['run', 'failing', '-i', ...flags, '--', 'sh', '-c', 'cat; exit 5'],
    );
    expect(failed.code).toBe(5);
  });
});

describe.concurrent('port-forward', () => {
  const forward = async (target: string, port: number) => {
    const child = cluster.startKubectl('port-forward', target, `:${port}`);
    const line = await lineOf(child, /Forwarding from 127\.0\.0\.1:\d+/);
    return { child, base: `http://127.0.0.1:${line.split(':')[1]}` };
  };

  test('carries several connections at once, much in both directions', async () => {
    const { child, base } = await forward('pod/server', 8080);
    try {
      const sizes = [20 * MB, 5 * MB, 1, 70_000, 0];
      const bodies = sizes.map(async (size) => (await fetch(`${base}/${size}`)).arrayBuffer());
      const data = noise(20 * MB);
      const hashes = [data, data.subarray(7)].map(async (body) =>
        (await fetch(base, { method: 'POST', body })).text(),
      );
      const lengths = (await Promise.all(bodies)).map((body) => body.byteLength);
      expect(lengths).toEqual(sizes);
      expect(await Promise.all(hashes)).toEqual([sha256(data), sha256(data.subarray(7))]);
    } finally {
      child.kill();
    }
  });

  test('finds the pod behind a service and its named port', async () => {
    const { child, base } = await forward('service/server', 80);
    try {
      expect(await (await fetch(`${base}/6`)).text()).toBe('wherry');
    } finally {
      child.kill();
    }
  });

  test('says so when nobody listens on the port', async () => {
    const { child, base } = await forward('pod/server', 9);
    try {
      const told = lineOf(child, /error.*forwarding.*9/i);
      await expect(fetch(base)).rejects.toThrow();
      await told;
    } finally {
      child.kill();
    }
  });
});

test('cp carries 10 MB there and back', async () => {
  const data = noise(10 * MB);
  const [there, back] = ['there', 'back'].map((name) => join(cluster.shared, name)) as [
    string,
    string,
  ];
  writeFileSync(there, data);
  await cluster.kubectl('cp', there, 'single:/tmp/copy');
  expect(await cluster.inside('single', 'sha256sum < /tmp/copy')).toBe(`${sha256(data)}  -`);
  await cluster.kubectl('cp', 'single:/tmp/copy', back);
  expect(sha256(readFileSync(back))).toBe(sha256(data));
});

test('50 commands leave no open file and no memory behind', async () => {
  const openFiles = () =>
    ['apiserver', cluster.kubelet].map(
      (name) => readdirSync(`/proc/${cluster.pidOf(name)}/fd`).length,
    );
  const residentKb = () =>
    [cluster.kubelet].map((name) => {
      const status = readFileSync(`/proc/${cluster.pidOf(name)}/status`, 'utf8');
      return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]);
    });
  const burst = () =>
    Promise.all(Array.from({ length: 10 }, () => cluster.inside('single', 'seq 1 10000')));
  await burst();
  const before = { files: openFiles(), kb: residentKb() };
  for (let i = 0; i < 5; i++) await burst();
  const [apiserver = 0, kubelet = 0] = openFiles();
  const [apiserverBefore = 0, kubeletBefore = 0] = before.files;
  // Connections to the engine and the kubelet that are kept for the next request may differ.
  expect(apiserver).toBeLessThanOrEqual(apiserverBefore + 10);
  expect(kubelet).toBeLessThanOrEqual(kubeletBefore + 10);
  expect(residentKb()[0]).toBeLessThan((before.kb[0] ?? 0) + 30_000);
});

test('a command whose user breaks off ends in the pod too', async () => {
  const commands = [['cat'], ['sh', '-c', 'while true; do echo hello; done'], ['sleep', '4321']];
  for (const command of commands) {
    const child = cluster.startKubectl('exec', '-i', 'single', '--', ...command);
    const echoed = command[0] === 'sleep' ? running('sleep 4321') : lineOf(child, /hello/);
    child.stdin?.write('hello\n');
    await echoed;
    child.kill('SIGKILL');
  }
  await eventually(
    'no command left in the pod',
    () => cluster.inside('single', 'ps -o args | grep -E "^(cat|sh -c while|sleep 4321)"; true'),
    (left) => left === '',
  );
});

const running = (command: string) =>
  eventually(
    `${command} runs`,
    () => cluster.inside('single', 'ps -o args'),
    (processes) => processes.includes(command),
  );
