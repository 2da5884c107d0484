// The proxy's rules in force: a network namespace of its own plays the node, more of them play
// pods and an outsider. Needs root, iproute2 and iptables.
//
//   outside 198.51.100.2 ── host ─┬─ bridge 10.244.0.1 ── a 10.244.0.2, b 10.244.0.3
//                                 └─ bridge 10.244.1.1 ── c 10.244.1.2

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../machinery/clock.ts';
import { silentLog } from '../../machinery/log.ts';
import type { Service } from '../../proto/generated/core.v1.ts';
import type { EndpointSlice } from '../../proto/generated/discovery.v1.ts';
import { chainsOf } from '../../proxy/chains.ts';
import { localMachine, type Machine } from '../../proxy/machine.ts';
import { createServiceProxy } from '../../proxy/proxy.ts';
import { createRuleWriter } from '../../proxy/rule-writer.ts';
import { endpoint, service, slice } from '../service-builders.ts';
import { FakeInformer } from '../sim/fake-informer.ts';

const run = promisify(execFile);
const ID = `wp${process.pid % 100_000}`;
const ns = (name: string) => `${ID}${name}`;
const PODS = { a: '10.244.0.2', b: '10.244.0.3', c: '10.244.1.2' } as const;
const OUTSIDE_OF_HOST = '198.51.100.1';
const chains = chainsOf('WTEST');

/** Answers every connection and datagram with its name and whom it saw. */
const SERVER = `
const name = process.argv[1];
require('node:net').createServer((s) => { s.on('error', () => {}); s.end(name + ' ' + s.remoteAddress); })
  .listen(8080, '0.0.0.0', () => {
    const udp = require('node:dgram').createSocket('udp4');
    udp.on('message', (_, from) => udp.send(name + ' ' + from.address, from.port, from.address));
    udp.bind(5353, '0.0.0.0', () => console.log('ready'));
  });`;

/** Asks COUNT times one after another; prints a JSON array of answers or error codes. */
const CLIENT = `
const [protocol, ip, port, count, localPort] = process.argv.slice(1);
const tcp = () => new Promise((done) => {
  const s = require('node:net').connect({ host: ip, port: +port });
  let text = '';
  s.setTimeout(1500, () => { done('timeout'); s.destroy(); });
  s.on('data', (d) => { text += d; }).on('end', () => done(text)).on('error', (e) => done(e.code));
});
const socket = protocol === 'udp' && require('node:dgram').createSocket('udp4');
const udp = () => new Promise((done) => {
  const timer = setTimeout(() => done('timeout'), 1500);
  socket.removeAllListeners();
  socket.once('message', (d) => { clearTimeout(timer); done(String(d)); });
  socket.once('error', (e) => { clearTimeout(timer); done(e.code); });
  socket.send('x', +port, ip);
});
(async () => {
  if (socket) await new Promise((done) => socket.bind(+localPort || 0, done));
  const answers = [];
  for (let i = 0; i < +count; i++) answers.push(await (socket ? udp() : tcp()));
  if (socket) socket.close();
  console.log(JSON.stringify(answers));
})();`;

const servers: ChildProcess[] = [];
let stop: AbortController | undefined;
let running: Promise<void> | undefined;

/** Commands and files as the namespace of the host has them. */
const host: Machine = {
  ...localMachine(['ip', 'netns', 'exec', ns('h')]),
  read: async (path) => (await inNs('h', 'cat', path)).stdout,
  list: async (path) => (await inNs('h', 'ls', path)).stdout.split('\n').filter(Boolean),
  async write(path, text) {
    await localMachine(['ip', 'netns', 'exec', ns('h')]).run('tee', [path], text);
  },
};

const inNs = (name: string, ...words: string[]) => run('ip', ['netns', 'exec', ns(name), ...words]);
const ip = (...words: string[]) => run('ip', words);

async function ask(from: string, target: string, { count = 1, protocol = 'tcp', port = 0 } = {}) {
  const [address = '', number = ''] = target.split(':');
  const words = [protocol, address, number, `${count}`, `${port}`];
  const { stdout } = await inNs(from, process.execPath, '-e', CLIENT, ...words);
  return JSON.parse(stdout) as string[];
}
const names = (answers: readonly string[]) => [...new Set(answers.map((it) => it[0]))].sort();

async function connectPod(name: keyof typeof PODS, bridge: string, gateway: string) {
  await ip('netns', 'add', ns(name));
  await ip(
    'link',
    'add',
    `v${name}`,
    'netns',
    ns('h'),
    'type',
    'veth',
    'peer',
    'name',
    'eth0',
    'netns',
    ns(name),
  );
  await inNs('h', 'ip', 'link', 'set', `v${name}`, 'master', bridge, 'up');
  await inNs(name, 'ip', 'addr', 'add', `${PODS[name]}/24`, 'dev', 'eth0');
  await inNs(name, 'ip', 'link', 'set', 'eth0', 'up');
  await inNs(name, 'ip', 'link', 'set', 'lo', 'up');
  await inNs(name, 'ip', 'route', 'add', 'default', 'via', gateway);
  const server = spawn('ip', ['netns', 'exec', ns(name), process.execPath, '-e', SERVER, name]);
  servers.push(server);
  await new Promise((ready) => server.stdout.once('data', ready));
}

beforeAll(async () => {
  await ip('netns', 'add', ns('h'));
  await ip('netns', 'add', ns('o'));
  await inNs('h', 'ip', 'link', 'set', 'lo', 'up');
  for (const [bridge, address] of [
    ['br0', '10.244.0.1/24'],
    ['br1', '10.244.1.1/24'],
  ] as const) {
    await inNs('h', 'ip', 'link', 'add', bridge, 'type', 'bridge');
    await inNs('h', 'ip', 'addr', 'add', address, 'dev', bridge);
    await inNs('h', 'ip', 'link', 'set', bridge, 'up');
  }
  await ip(
    'link',
    'add',
    'vo',
    'netns',
    ns('h'),
    'type',
    'veth',
    'peer',
    'name',
    'eth0',
    'netns',
    ns('o'),
  );
  await inNs('h', 'ip', 'addr', 'add', `${OUTSIDE_OF_HOST}/24`, 'dev', 'vo');
  await inNs('h', 'ip', 'link', 'set', 'vo', 'up');
  await inNs('o', 'ip', 'addr', 'add', '198.51.100.2/24', 'dev', 'eth0');
  await inNs('o', 'ip', 'link', 'set', 'eth0', 'up');
  await inNs('h', 'ip', 'route', 'add', 'default', 'via', '198.51.100.2');
  // As Docker leaves it: nothing is forwarded but what leaves a bridge of its own.
  await inNs('h', 'iptables', '-P', 'FORWARD', 'DROP');
  await inNs('h', 'iptables', '-A', 'FORWARD', '-i', 'br0', '-o', 'vo', '-j', 'ACCEPT');
  await connectPod('a', 'br0', '10.244.0.1');
  await connectPod('b', 'br0', '10.244.0.1');
  await connectPod('c', 'br1', '10.244.1.1');
});

afterAll(async () => {
  for (const server of servers) server.kill('SIGKILL');
  for (const name of ['a', 'b', 'c', 'o', 'h']) await ip('netns', 'del', ns(name)).catch(() => {});
});

afterEach(async () => {
  stop?.abort(new Error('test over'));
  await running;
  await createRuleWriter(host, chains).cleanup();
});

const wrote: string[] = [];

/** Runs a proxy over these services; resolves when its rules are in force. */
async function start(services: readonly Service[], slices: readonly EndpointSlice[]) {
  const api = { services: new FakeInformer<Service>(), slices: new FakeInformer<EndpointSlice>() };
  for (const it of services) api.services.put(it);
  for (const it of slices) api.slices.put(it);
  wrote.length = 0;
  const machine: Machine = {
    ...host,
    async run(command, words, stdin) {
      const outcome = await host.run(command, words, stdin);
      if (command === 'iptables-restore') wrote.push(stdin ?? '');
      return outcome;
    },
  };
  const proxy = createServiceProxy({
    ...api,
    machine,
    clock: systemClock,
    log: silentLog,
    config: {
      chainPrefix: 'WTEST',
      clusterCidr: '10.244.0.0/16',
      serviceCidr: '10.96.0.0/16',
      nodeName: '',
      minSyncMs: 5,
      verifyMs: 200,
    },
  });
  stop = new AbortController();
  running = proxy.run(stop.signal);
  await until(() => proxy.isHealthy);
  return api;
}

async function until(condition: () => boolean, withinMs = 10_000) {
  const endMs = systemClock.now() + withinMs;
  while (!condition()) {
    if (systemClock.now() > endMs) throw new Error('not so in time');
    await systemClock.sleep(10);
  }
}

const ALL = [PODS.a, PODS.b, PODS.c].map((it) => endpoint(it));
const toAll = slice({ endpoints: ALL });
const nodePort = {
  type: 'NodePort' as const,
  ports: [{ name: 'http', port: 80, nodePort: 30_080 }],
};

test('a cluster IP answers from all endpoints: to the host, to pods of either bridge, to oneself', async () => {
  await start([service()], [toAll]);
  for (const from of ['h', 'a', 'c']) {
    expect(names(await ask(from, '10.96.0.10:80', { count: 40 })), from).toEqual(['a', 'b', 'c']);
  }
  // Pods see one another's own address, except a pod that calls itself.
  const seen = new Set(await ask('a', '10.96.0.10:80', { count: 40 }));
  expect(seen).toEqual(new Set(['a 10.244.0.1', `b ${PODS.a}`, `c ${PODS.a}`]));
});

test('a pod that is its own only endpoint reaches itself', async () => {
  await start([service()], [slice({ endpoints: [endpoint(PODS.b)] })]);
  expect(names(await ask('b', '10.96.0.10:80', { count: 3 }))).toEqual(['b']);
});

test('a node port answers on every address of the node, also on its loopback', async () => {
  await start([service(nodePort)], [toAll]);
  const ways = [
    ['h', '127.0.0.1'],
    ['h', OUTSIDE_OF_HOST],
    ['o', OUTSIDE_OF_HOST],
    ['a', OUTSIDE_OF_HOST],
    ['c', '10.244.1.1'],
  ] as const;
  for (const [from, address] of ways) {
    const answers = await ask(from, `${address}:30080`, { count: 30 });
    expect(names(answers), `${from} to ${address}`).toEqual(['a', 'b', 'c']);
  }
});

test('with the Local policy an outsider keeps its address', async () => {
  const spec = { ...nodePort, externalTrafficPolicy: 'Local' as const };
  await start([service(spec)], [slice({ endpoints: [endpoint(PODS.c)] })]);
  await inNs('o', 'ip', 'route', 'replace', 'default', 'via', OUTSIDE_OF_HOST);
  expect(await ask('o', `${OUTSIDE_OF_HOST}:30080`)).toEqual(['c 198.51.100.2']);
});

test('with affinity a client stays with its endpoint', async () => {
  await start([service({ sessionAffinity: 'ClientIP' })], [toAll]);
  expect(names(await ask('a', '10.96.0.10:80', { count: 20 })).length).toBe(1);
  expect(names(await ask('h', '10.96.0.10:80', { count: 20 })).length).toBe(1);
});

test('UDP is translated, and a client moves on when its endpoint goes', async () => {
  const ports = [{ name: 'dns', protocol: 'UDP' as const, port: 53 }];
  const slicePorts = [{ name: 'dns', protocol: 'UDP' as const, port: 5353 }];
  const to = (address: string) => slice({ ports: slicePorts, endpoints: [endpoint(address)] });
  const api = await start([service({ ports })], [to(PODS.b)]);
  const udp = { protocol: 'udp', port: 4000, count: 2 };
  expect(names(await ask('a', '10.96.0.10:53', udp))).toEqual(['b']);
  const before = wrote.length;
  api.slices.put(to(PODS.c));
  await until(() => wrote.length > before);
  // Forgetting the flow comes right after the rules: ask until it has.
  let answer: string[] = [];
  for (let i = 0; i < 20 && answer[0] !== 'c'; i++) {
    answer = names(await ask('a', '10.96.0.10:53', udp)) as string[];
  }
  expect(answer).toEqual(['c']);
});

test('a service without endpoints refuses at once', async () => {
  await start([service(nodePort)], []);
  for (const from of ['h', 'a']) {
    expect(await ask(from, '10.96.0.10:80'), from).toEqual(['ECONNREFUSED']);
    expect(await ask(from, '10.96.0.99:80'), from).toEqual(['ECONNREFUSED']);
  }
  expect(await ask('o', `${OUTSIDE_OF_HOST}:30080`)).toEqual(['ECONNREFUSED']);
  expect(await ask('h', '127.0.0.1:30080')).toEqual(['ECONNREFUSED']);
});

test('pods that leave the pod range do so under the address of the node', async () => {
  await start([], []);
  const server = spawn('ip', ['netns', 'exec', ns('o'), process.execPath, '-e', SERVER, 'o']);
  servers.push(server);
  await new Promise((ready) => server.stdout.once('data', ready));
  expect(await ask('a', '198.51.100.2:8080')).toEqual([`o ${OUTSIDE_OF_HOST}`]);
});

test('a change touches only the chains of its service', async () => {
  const many = Array.from({ length: 30 }, (_, i) =>
    service({ clusterIP: `10.96.2.${i}` }, `s${i}`),
  );
  const slices = many.map(({ metadata }) => ({
    ...toAll,
    metadata: {
      ...toAll.metadata,
      name: metadata.name,
      labels: { 'kubernetes.io/service-name': metadata.name },
    },
  }));
  const api = await start(many, slices);
  const before = wrote.length;
  api.slices.put({ ...slices[3]!, endpoints: [endpoint(PODS.c)] });
  await until(() => wrote.length > before);
  const chain = chains.of('SVC', 'default/s3:http/tcp');
  const touched = wrote
    .at(-1)!
    .split('\n')
    .filter((line) => line.startsWith(':'));
  expect(touched.length).toBe(3);
  expect(touched).toContain(`:${chain} - [0:0]`);
  expect(names(await ask('a', '10.96.2.3:80', { count: 5 }))).toEqual(['c']);
  api.services.remove('default/s4');
  await until(() => wrote.length > before + 1);
  expect(await ask('a', '10.96.2.4:80')).toEqual(['ECONNREFUSED']);
});

test('rules that somebody removed come back', async () => {
  await start([service()], [toAll]);
  await inNs('h', 'iptables', '-t', 'nat', '-F', 'WTEST-SERVICES');
  await inNs('h', 'iptables', '-t', 'nat', '-D', 'PREROUTING', '-j', 'WTEST-SERVICES');
  const before = wrote.length;
  await until(() => wrote.length > before);
  expect(names(await ask('a', '10.96.0.10:80', { count: 40 }))).toEqual(['a', 'b', 'c']);
});

test('a restarted proxy removes what is stale, a cleanup everything of its own', async () => {
  await inNs('h', 'iptables', '-t', 'nat', '-N', 'OTHER-CHAIN');
  await start(
    [service(nodePort), service({ clusterIP: '10.96.0.11' }, 'old')],
    [toAll, slice({}, 'old')],
  );
  stop?.abort(new Error('restart'));
  await running;
  await start([service(nodePort)], [toAll]);
  const rules = (await inNs('h', 'iptables-save')).stdout;
  expect(rules).not.toContain('10.96.0.11');
  expect(rules).toContain('10.96.0.10');
  stop?.abort(new Error('over'));
  await running;
  await createRuleWriter(host, chains).cleanup();
  const left = (await inNs('h', 'iptables-save')).stdout;
  expect(left).not.toContain('WTEST');
  expect(left).toContain('OTHER-CHAIN');
});

test('Docker installed later: our rules move before its isolation', async () => {
  await start([service()], [toAll]);
  for (const words of [
    ['-N', 'DOCKER-USER'],
    ['-A', 'DOCKER-USER', '-j', 'RETURN'],
    ['-I', 'FORWARD', '-i', 'br0', '-j', 'DROP'],
    ['-I', 'FORWARD', '-j', 'DOCKER-USER'],
  ]) {
    await inNs('h', 'iptables', ...words);
  }
  const before = wrote.length;
  await until(() => wrote.length > before);
  expect(names(await ask('a', '10.96.0.10:80', { count: 40 }))).toEqual(['a', 'b', 'c']);
});
