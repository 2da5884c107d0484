// What a container finds around itself: variables, files, names, limits, rights. The pods are in
// manifests/pod-settings.yaml, all made at once.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from './cluster.ts';
import { type PodCluster, startPodCluster } from './pod-cluster.ts';

let cluster: PodCluster;

beforeAll(async () => {
  cluster = await startPodCluster('podsettings', 'pod-settings.yaml');
  await cluster.kubectl('wait', 'pod', '-l', 'set=runs', '--for=condition=Ready', '--timeout=60s');
});

afterAll(async () => {
  await cluster?.down();
});

describe.concurrent('environment', () => {
  const variables = async (): Promise<Readonly<Record<string, string>>> => {
    await cluster.untilPod('env', 'ended', (pod) => pod.status?.phase === 'Succeeded');
    const lines = (await cluster.kubectl('logs', 'env')).trim().split('\n');
    return Object.fromEntries(
      lines.map((line) => [line.split('=')[0] ?? '', line.slice(line.indexOf('=') + 1)]),
    );
  };

  test('variables of every kind', async () => {
    const { metadata, spec, status } = await cluster.pod('env');
    const found = await variables();
    expect(found).toMatchObject({
      GREETING: 'hello world',
      UNKNOWN: '$(NOBODY)',
      COLOUR: 'green',
      KEY: 'hush',
      POD: 'env',
      SPACE: metadata.namespace,
      APP: 'teller',
      NOTE: 'read me',
      NODE: spec.nodeName,
      ACCOUNT: 'default',
      POD_IP: status?.podIP,
      HOST_IP: status?.hostIP,
      CPU: '500',
      CPUS: '1',
      MEM: '32',
      colour: 'green',
      S_key: 'hush',
      S_pin: '1234',
      HOSTNAME: 'env',
      KUBERNETES_SERVICE_PORT: '443',
    });
    expect(found).not.toHaveProperty('MISSING');
    expect(found.KUBERNETES_SERVICE_HOST).toMatch(/^10\./);
  });

  test('command and args with variables in them, in the working directory', async () => {
    const { ARGS, CWD } = await variables();
    expect([ARGS, CWD]).toEqual(['hello world,$(GREETING)', '/tmp']);
  });
});

describe('volumes', () => {
  const inReader = (script: string) => cluster.inside('volumes/reader', script);

  test('emptyDir is shared by the containers of a pod, in memory where it says so', async () => {
    expect(await inReader('cat /shared/word')).toBe('for the reader');
    expect(await inReader('df -m /fast | tail -n 1')).toMatch(/^tmpfs +8 /);
    expect(await inReader('stat -c "%g %a" /shared')).toBe('2000 2777');
  });

  test('files of a ConfigMap, a Secret, the pod itself, and of all together', async () => {
    expect(await inReader('cat /settings/colour /one/file.txt /chosen/a/b')).toBe(
      'greenfirst\ngreen',
    );
    expect(await inReader('stat -Lc %a /chosen/a/b /keys/key')).toBe('440\n440');
    expect(await inReader('cat /keys/key /all/colour /all/deep/pin /all/name')).toBe(
      'hushgreen1234volumes',
    );
    expect(await inReader('cat /self/labels')).toBe('set="runs"\nversion="one"');
    expect((await cluster.tryInside('volumes/reader', 'echo x > /settings/colour')).stderr).toMatch(
      /Read-only file system/,
    );
    const token = (await inReader('cat /all/token')).split('.')[1] ?? '';
    const claims = JSON.parse(Buffer.from(token, 'base64url').toString());
    expect(claims).toMatchObject({
      aud: ['elsewhere'],
      sub: 'system:serviceaccount:default:default',
      'kubernetes.io': { pod: { name: 'volumes' } },
    });
    expect(claims.exp - claims.iat).toBe(600);
  });

  test('files follow their sources while the container runs, all at once', async () => {
    const { kubectl } = cluster;
    await kubectl('patch', 'configmap', 'settings', '-p', '{"data":{"file.txt":"2","new":"n"}}');
    await kubectl('patch', 'secret', 'keys', '-p', '{"stringData":{"pin":"5678"}}');
    await kubectl('label', 'pod', 'volumes', 'version=two', '--overwrite');
    await eventually(
      'new files',
      () => inReader('cat /settings/file.txt /settings/new /all/deep/pin /self/labels'),
      (text) => text === '2n5678set="runs"\nversion="two"',
    );
    // As upstream: a file mounted by its own path stays as it was at the start.
    expect(await inReader('cat /one/file.txt')).toBe('first');
    expect((await cluster.status('volumes')).restartCount).toBe(0);
  });
});

test('a pod asks the API with its service account, as far as it has the right to', async () => {
  const script = `
    const { readFileSync } = require('node:fs');
    const at = '/var/run/secrets/kubernetes.io/serviceaccount/';
    const [ca, token, namespace] = ['ca.crt', 'token', 'namespace'].map((name) => readFileSync(at + name, 'utf8'));
    const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = process.env;
    const headers = { authorization: 'Bearer ' + token };
    const path = '/api/v1/namespaces/' + namespace + '/pods';
    require('node:https').get({ host, port, path, ca, headers }, (answer) => {
      console.log(answer.statusCode);
      answer.resume();
    });`;
  const ask = () => cluster.kubectl('exec', 'caller', '--', 'node', '-e', script);
  expect(await ask()).toBe('403\n');
  await cluster.kubectl(...['create', 'role', 'looker', '--verb=get,list', '--resource=pods']);
  await cluster.kubectl(
    ...['create', 'rolebinding', 'looker', '--role=looker', '--serviceaccount=default:default'],
  );
  await eventually('200', ask, (code) => code === '200\n');
});

describe.concurrent('limits, names and rights', () => {
  const cgroup = (v1: string, v2: string) =>
    cluster.inside('limited', `cat /sys/fs/cgroup/${v1} 2>/dev/null || cat /sys/fs/cgroup/${v2}`);

  test('limits and requests are settings of the cgroup', async () => {
    expect(await cgroup('memory/memory.limit_in_bytes', 'memory.max')).toBe(String(64 * 1024 ** 2));
    expect(await cgroup('cpu/cpu.cfs_quota_us', 'cpu.max')).toMatch(/^25000( 100000)?$/);
    expect(await cgroup('cpu/cpu.shares', 'cpu.weight')).toMatch(/^(102|4)$/);
    expect((await cluster.pod('limited')).status?.qosClass).toBe('Burstable');
  });

  test('a pod is called by its name, or as it wants to be', async () => {
    const { status } = await cluster.pod('limited');
    expect(await cluster.inside('limited', 'hostname; cat /etc/hostname')).toBe('limited\nlimited');
    expect(await cluster.inside('limited', 'tail -n 1 /etc/hosts')).toBe(
      `${status?.podIP}\tlimited`,
    );
    expect(await cluster.inside('named', 'hostname; hostname -f')).toBe(
      'chosen\nchosen.sub.default.svc.cluster.local',
    );
    expect(await cluster.inside('named', 'grep friend /etc/hosts')).toBe(
      '10.9.8.7\tfriend\tfriend.example',
    );
  });

  test('a pod on the network of the host has its address and sees its interfaces', async () => {
    const { status } = await cluster.pod('host-net');
    expect(status?.podIP).toBe(status?.hostIP);
    expect(await cluster.inside('host-net', 'ip -o addr')).toContain(`inet ${status?.hostIP}/`);
  });

  test('a container has no more rights than it was given', async () => {
    const main = (script: string) => cluster.inside('humble/main', script);
    expect(await main('id -u; id -g; id -G')).toBe('1234\n2345\n2345 3456');
    expect((await cluster.tryInside('humble/main', 'touch /x')).stderr).toMatch(
      /Read-only file system/,
    );
    expect(await main('grep -E "CapEff|CapBnd|NoNewPrivs" /proc/1/status')).toMatch(
      /CapEff:\t0+\nCapBnd:\t0+\nNoNewPrivs:\t1/,
    );
    expect(await cluster.inside('humble/chown', 'grep CapEff /proc/1/status')).toMatch(/\t0+1$/);
  });
});
