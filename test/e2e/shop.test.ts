// The README's walk-through: the shop on two nodes, a Service answered by real containers, and
// nothing left behind when the cluster goes down.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { addressesOf, readCluster } from '../../cli/cluster/config.ts';
import { type Cluster, eventually, must, run, startCluster } from './cluster.ts';

const NAME = 'shop';
let cluster: Cluster | undefined;

const clusterIp = async (service: string) =>
  need().kubectl('get', 'service', service, '-o', 'jsonpath={.spec.clusterIP}');
const curl = async (url: string) => (await run('curl', ['-s', '-m', '3', url])).stdout;

function need(): Cluster {
  if (cluster === undefined) throw new Error('the cluster did not start');
  return cluster;
}

beforeAll(async () => {
  await must('sh', ['examples/shop/images/build.sh'], { timeoutMs: 240_000 });
  cluster = await startCluster(NAME);
});

afterAll(async () => {
  await cluster?.down().catch(() => {});
});

test('the shop rolls out and its front answers from all replicas in turn', async () => {
  const { kubectl } = need();
  await kubectl('apply', '-f', 'examples/shop/');
  for (const name of ['store', 'api', 'web']) {
    await kubectl('rollout', 'status', `deployment/${name}`, '--timeout=90s');
  }
  const url = `http://${await clusterIp('web')}/`;
  const webs = new Set<string>();
  const apis = new Set<string>();
  await eventually(
    'three web pods and two api pods have answered',
    async () => {
      const match = /Visit \d+, served by (\S+) and (\S+)/.exec(await curl(url));
      if (match !== null) {
        webs.add(match[1] ?? '');
        apis.add(match[2] ?? '');
      }
      return [webs.size, apis.size];
    },
    ([web, api]) => web === 3 && api === 2,
  );
});

test('a pod reaches services too: from its own node, from the other one, and itself', async () => {
  const { kubectl } = need();
  const nodesOfWeb = async () =>
    (
      await kubectl('get', 'pods', '-l', 'app=web', '-o', 'jsonpath={.items[*].spec.nodeName}')
    ).split(' ');
  // The scheduler packs: shut the node that it packed, so that the next pod goes to the other one.
  const [full = ''] = await nodesOfWeb();
  await kubectl('cordon', full);
  await kubectl('scale', 'deployment/web', '--replicas=4');
  await kubectl('rollout', 'status', 'deployment/web', '--timeout=60s');
  await kubectl('uncordon', full);
  expect(new Set(await nodesOfWeb()).size).toBe(2);
  const url = `http://${await clusterIp('web')}/healthz`;
  const pods = (
    await kubectl('get', 'pods', '-l', 'app=web', '-o', 'jsonpath={.items[*].metadata.name}')
  ).split(' ');
  for (const pod of pods) {
    // Often enough to hit every endpoint: another node's, this node's, and the pod itself.
    for (let attempt = 0; attempt < 8; attempt++) {
      const script = `exec 3<>/dev/null; printf 'GET /healthz HTTP/1.0\\r\\n\\r\\n' | nc -w 3 ${new URL(url).host} 80`;
      expect(await kubectl('exec', pod, '--', 'sh', '-c', script)).toMatch(/ok/);
    }
  }
});

test('a node port answers on the host', async () => {
  const { kubectl } = need();
  await kubectl('patch', 'service', 'web', '-p', '{"spec":{"type":"NodePort"}}');
  const port = await kubectl('get', 'service', 'web', '-o', 'jsonpath={.spec.ports[0].nodePort}');
  const nodeIp = await kubectl(
    'get',
    'nodes',
    '-o',
    'jsonpath={.items[0].status.addresses[?(@.type=="InternalIP")].address}',
  );
  for (const host of [nodeIp, '127.0.0.1']) {
    await eventually(
      `an answer on ${host}:${port}`,
      () => curl(`http://${host}:${port}/healthz`),
      (text) => text === 'ok\n',
    );
  }
});

test('a changed ConfigMap reaches a running container', async () => {
  const { kubectl } = need();
  const pod = await kubectl(
    'get',
    'pods',
    '-l',
    'app=web',
    '-o',
    'jsonpath={.items[0].metadata.name}',
  );
  const config = await kubectl('get', 'configmap', 'shop', '-o', 'jsonpath={.data.nginx\\.conf}');
  const patch = JSON.stringify({ data: { 'nginx.conf': `# edited\n${config}` } });
  await kubectl('patch', 'configmap', 'shop', '-p', patch);
  await eventually(
    'the edit in the container',
    () => kubectl('exec', pod, '--', 'head', '-n', '1', '/config/nginx.conf'),
    (line) => line === '# edited\n',
    120_000,
  );
});

test('down and up bring the same cluster back with its objects', async () => {
  const { kubectl, wherry } = need();
  const uid = await kubectl('get', 'deployment', 'web', '-o', 'jsonpath={.metadata.uid}');
  await wherry('down');
  await wherry('up');
  expect(await kubectl('get', 'deployment', 'web', '-o', 'jsonpath={.metadata.uid}')).toBe(uid);
  await kubectl('rollout', 'status', 'deployment/web', '--timeout=90s');
  const url = `http://${await clusterIp('web')}/`;
  await eventually(
    'the shop answers again',
    () => curl(url),
    (text) => /Visit \d+/.test(text),
  );
  await wherry('status');
});

test('two clusters run side by side', async () => {
  const other = await startCluster('second', ['--nodes', '1']);
  try {
    expect(await other.kubectl('get', 'nodes', '-o', 'name')).toBe('node/second-node-1\n');
    await other.kubectl('run', 'alone', '--image=wherry-shop/web:1', '--', 'sleep', '60');
    await other.kubectl('wait', 'pod/alone', '--for=condition=Ready', '--timeout=30s');
    expect(await need().kubectl('get', 'nodes', '-o', 'name')).toBe(
      'node/shop-node-1\nnode/shop-node-2\n',
    );
  } finally {
    await other.down();
  }
});

test('down leaves no process, container, network or rule behind', async () => {
  const { dir, down } = need();
  const { index } = readCluster(dir) ?? { index: -1 };
  const before = await traces(index);
  expect(before.rules.length).toBeGreaterThan(10);
  expect(before.processes.length).toBe(6);
  expect(before.networks.length).toBe(2);
  expect(before.containers.length).toBeGreaterThan(6);
  await down();
  cluster = undefined;
  expect(await traces(index)).toEqual({ rules: [], containers: [], networks: [], processes: [] });
});

test('several wishes that cannot be met are told in one line each', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'wherry-wish-'));
  const up = (...flags: string[]) =>
    run('bin/wherry', ['up', '--name', 'wish', '--dir', dir, ...flags]);
  expect((await up('--nodes', '0')).stderr).toMatch(/--nodes wants 1 to 250/);
  expect((await up('--store', 'paper')).stderr).toMatch(/Allowed choices are embedded, etcd/);
  expect((await up('--colour', 'red')).stderr).toMatch(/unknown option '--colour'/);
  const away = await run(process.execPath, ['bin/wherry', 'up', '--name', 'wish', '--dir', dir], {
    env: { DOCKER_HOST: 'unix:///nowhere/docker.sock', PATH: '/nowhere' },
  });
  expect(away.stderr).toMatch(/Docker is not reachable: .*\. .*--runtime hollow/);
  await must('bin/wherry', ['down', '--name', 'wish', '--dir', dir, '--delete']);
  rmSync(dir, { recursive: true, force: true });
});

/** Everything on this machine that the cluster of this index could have left. */
async function traces(index: number) {
  const { podCidr, serviceCidr } = addressesOf(index);
  const prefixes = [podCidr, serviceCidr].map((cidr) => cidr.split('.').slice(0, 2).join('.'));
  const marks = [`W${index.toString(16).padStart(2, '0')}-`, ...prefixes.map((one) => ` ${one}.`)];
  const lines = async (command: string, ...args: string[]) =>
    (await must(command, args)).split('\n').filter((line) => line !== '');
  const [rules, names, networks, processes] = await Promise.all([
    lines('iptables-save'),
    lines('docker', 'ps', '-a', '--format', '{{.ID}} {{.Labels}}'),
    lines('docker', 'network', 'ls', '--format', '{{.Name}}'),
    lines('ps', '-eo', 'stat,args'),
  ]);
  return {
    rules: rules.filter((line) => marks.some((mark) => line.includes(mark))),
    containers: names.filter((line) => line.includes(`${NAME}-node-`)),
    networks: networks.filter((name) => name.startsWith(`wherry-${NAME}-`)),
    processes: processes.filter(
      (line) =>
        !line.startsWith('Z') && line.includes('/main.js') && line.includes(`/wherry-${NAME}-`),
    ),
  };
}
