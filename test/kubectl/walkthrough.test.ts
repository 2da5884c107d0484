// The real kubectl against a real cluster with real containers: one story, verb by verb.

import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Cluster, eventually, lineOf, must, run, startCluster } from '../e2e/cluster.ts';

let cluster: Cluster;
const folder = mkdtempSync(join(tmpdir(), 'wherry-kubectl-'));

const deployment = (name: string, replicas: number, script: string) => `
apiVersion: apps/v1
kind: Deployment
metadata: { name: ${name}, labels: { app: ${name} } }
spec:
  replicas: ${replicas}
  selector: { matchLabels: { app: ${name} } }
  template:
    metadata: { labels: { app: ${name} } }
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: main
          image: wherry-shop/web:1
          command: [sh, -c, ${JSON.stringify(script)}]
          ports: [{ name: http, containerPort: 80 }]
`;

const TICKING =
  'mkdir -p /www; echo "hello from $HOSTNAME" > /www/index.html; httpd -p 80 -h /www; ' +
  'i=0; while true; do echo "tick $i"; i=$((i+1)); sleep 1; done';

const file = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};

const jsonpath = (...args: string[]) =>
  cluster.kubectl('get', ...args.slice(0, -1), '-o', `jsonpath=${args.at(-1)}`);

beforeAll(async () => {
  await must('sh', ['examples/shop/images/build.sh'], { timeoutMs: 240_000 });
  cluster = await startCluster('kubectl');
  await cluster.kubectl('apply', '-f', file('web.yaml', deployment('web', 2, TICKING)));
  await cluster.kubectl('rollout', 'status', 'deployment/web', '--timeout=60s');
});

afterAll(async () => {
  await cluster?.down();
});

describe('reading', () => {
  test('get prints the columns that people know', async () => {
    const nodes = await cluster.kubectl('get', 'nodes');
    expect(nodes).toMatch(/^NAME +STATUS +ROLES +AGE +VERSION/);
    expect(nodes.match(/ Ready /g)).toHaveLength(2);
    const pods = await cluster.kubectl('get', 'pods');
    expect(pods).toMatch(/^NAME +READY +STATUS +RESTARTS +AGE/);
    expect(pods.match(/1\/1 +Running +0/g)).toHaveLength(2);
    const deployments = await cluster.kubectl('get', 'deploy');
    expect(deployments).toMatch(/^NAME +READY +UP-TO-DATE +AVAILABLE +AGE\nweb +2\/2 +2 +2/);
  });

  test('get -o wide shows where pods run', async () => {
    const pods = await cluster.kubectl('get', 'pods', '-o', 'wide');
    expect(pods).toMatch(/IP +NODE +NOMINATED NODE +READINESS GATES/);
    expect(pods).toMatch(/10\.\d+\.\d+\.\d+ +kubectl-node-\d/);
  });

  test('get as yaml, json path, name, custom columns, sorted', async () => {
    expect(await cluster.kubectl('get', 'deploy', 'web', '-o', 'yaml')).toMatch(
      /^apiVersion: apps\/v1\nkind: Deployment\n/,
    );
    expect(await jsonpath('deploy', 'web', '{.spec.replicas}')).toBe('2');
    expect(await cluster.kubectl('get', 'deploy', '-o', 'name')).toBe('deployment.apps/web\n');
    const columns = 'custom-columns=NAME:.metadata.name,IMAGE:.spec.containers[0].image';
    expect(await cluster.kubectl('get', 'pods', '-o', columns)).toMatch(
      /web-.* wherry-shop\/web:1/,
    );
    await cluster.kubectl('get', 'pods', '--sort-by=.metadata.name');
    await cluster.kubectl('get', 'all', '-A');
  });

  test('get --watch tells of changes as they happen', async () => {
    const watching = cluster.startKubectl('get', 'configmap', '--watch');
    try {
      await lineOf(watching, /kube-root-ca.crt/);
      const seen = lineOf(watching, /watched/);
      await cluster.kubectl('create', 'configmap', 'watched', '--from-literal=a=b');
      await seen;
      await cluster.kubectl('delete', 'configmap', 'watched');
    } finally {
      watching.kill();
    }
  });

  test('describe tells the story with its events', async () => {
    const pod = await jsonpath('pods', '-l', 'app=web', '{.items[0].metadata.name}');
    const text = await eventually(
      'events in describe',
      () => cluster.kubectl('describe', 'pod', pod),
      (answer) =>
        ['Scheduled', 'Pulled', 'Created', 'Started'].every((one) => answer.includes(one)),
    );
    expect(text).toMatch(/Status: +Running/);
    expect(await cluster.kubectl('describe', 'deployment', 'web')).toMatch(/ScalingReplicaSet/);
    expect(await cluster.kubectl('describe', 'node', 'kubectl-node-1')).toMatch(/Allocatable:/);
    expect(await cluster.kubectl('get', 'events')).toMatch(/LAST SEEN +TYPE +REASON +OBJECT/);
  });

  test('api-resources, api-versions, explain, version, cluster-info', async () => {
    expect(await cluster.kubectl('api-resources')).toMatch(/deployments +deploy +apps\/v1 +true/);
    expect(await cluster.kubectl('api-versions')).toMatch(/^apps\/v1$/m);
    expect(await cluster.kubectl('explain', 'deployment.spec.strategy')).toMatch(
      /FIELD: strategy <DeploymentStrategy>/,
    );
    expect(await cluster.kubectl('explain', 'pod', '--recursive')).toMatch(/containers/);
    expect(await cluster.kubectl('version')).toMatch(/Server Version: v1\./);
    await cluster.kubectl('cluster-info');
  });
});

describe('looking into containers', () => {
  const pod = () => jsonpath('pods', '-l', 'app=web', '{.items[0].metadata.name}');

  test('logs, with tail and timestamps, and -f as they come', async () => {
    const name = await pod();
    expect(await cluster.kubectl('logs', name, '--tail=1')).toMatch(/^tick \d+\n$/);
    expect(await cluster.kubectl('logs', name, '--timestamps', '--tail=1')).toMatch(
      /^\d{4}-\d\d-\d\dT\S+Z tick/,
    );
    const following = cluster.startKubectl('logs', '-f', name, '--tail=1');
    try {
      await lineOf(following, /tick \d+\n[\s\S]*tick \d+\n/);
    } finally {
      following.kill();
    }
  });

  test('exec passes output, input and the exit code', async () => {
    const name = await pod();
    expect(await cluster.kubectl('exec', name, '--', 'hostname')).toBe(`${name}\n`);
    expect(
      await cluster.kubectlWith({ input: 'over the wire' }, 'exec', '-i', name, '--', 'cat'),
    ).toBe('over the wire');
    const failed = await cluster.tryKubectl({}, 'exec', name, '--', 'sh', '-c', 'exit 7');
    expect(failed.code).toBe(7);
  });

  test('exec -it gives a terminal', async () => {
    const name = await pod();
    const command = `kubectl exec -it ${name} -- sh -c 'test -t 0 && echo a terminal'`;
    const text = await must('script', ['-qec', command, '/dev/null'], { env: cluster.env });
    expect(text).toContain('a terminal');
  });

  test('port-forward reaches the container', async () => {
    const forwarding = cluster.startKubectl('port-forward', `pod/${await pod()}`, ':80');
    try {
      const line = await lineOf(forwarding, /127\.0\.0\.1:(\d+)/);
      const answer = await fetch(`http://${line}/`);
      expect(await answer.text()).toMatch(/hello from web-/);
      expect(await (await fetch(`http://${line}/`)).text()).toMatch(/hello from web-/);
    } finally {
      forwarding.kill();
    }
  });

  test('cp brings a file in and out', async () => {
    const name = await pod();
    const path = file('cargo.txt', 'cargo');
    await cluster.kubectl('cp', path, `${name}:/tmp/cargo.txt`);
    await cluster.kubectl('cp', `${name}:/tmp/cargo.txt`, join(folder, 'back.txt'));
    expect(await must('cat', [join(folder, 'back.txt')])).toBe('cargo');
  });
});

describe('changing', () => {
  test('scale up and down', async () => {
    await cluster.kubectl('scale', 'deployment/web', '--replicas=4');
    await cluster.kubectl('rollout', 'status', 'deployment/web', '--timeout=60s');
    expect(await jsonpath('deploy', 'web', '{.status.readyReplicas}')).toBe('4');
    await cluster.kubectl('scale', 'deployment/web', '--replicas=2');
    await cluster.kubectl('wait', 'deployment/web', '--for=jsonpath={.status.replicas}=2');
  });

  test('set image, rollout status, history, undo', async () => {
    await must('docker', ['tag', 'wherry-shop/web:1', 'wherry-shop/web:2']);
    await cluster.kubectl('set', 'image', 'deployment/web', 'main=wherry-shop/web:2');
    await cluster.kubectl('rollout', 'status', 'deployment/web', '--timeout=60s');
    expect(await cluster.kubectl('rollout', 'history', 'deployment/web')).toMatch(/1 +.*\n2 /);
    await cluster.kubectl('rollout', 'undo', 'deployment/web');
    await cluster.kubectl('rollout', 'status', 'deployment/web', '--timeout=60s');
    expect(await jsonpath('deploy', 'web', '{.spec.template.spec.containers[0].image}')).toBe(
      'wherry-shop/web:1',
    );
    await cluster.kubectl('rollout', 'restart', 'deployment/web');
    await cluster.kubectl('rollout', 'status', 'deployment/web', '--timeout=60s');
  });

  test('label, annotate, and remove them again', async () => {
    await cluster.kubectl('label', 'deployment/web', 'tier=front');
    expect(await cluster.kubectl('get', 'deploy', '-l', 'tier=front', '-o', 'name')).toMatch(/web/);
    await cluster.kubectl('label', 'deployment/web', 'tier-');
    await cluster.kubectl('annotate', 'deployment/web', 'note=sails');
    expect(await jsonpath('deploy', 'web', '{.metadata.annotations.note}')).toBe('sails');
  });

  test('patch in three kinds', async () => {
    const patch = (type: string, text: string) =>
      cluster.kubectl('patch', 'deployment', 'web', `--type=${type}`, '-p', text);
    await patch('strategic', '{"metadata":{"labels":{"by":"strategic"}}}');
    await patch('merge', '{"metadata":{"labels":{"by2":"merge"}}}');
    await patch('json', '[{"op":"add","path":"/metadata/labels/by3","value":"json"}]');
    expect(await jsonpath('deploy', 'web', '{.metadata.labels}')).toMatch(
      /"by":"strategic".*"by2":"merge".*"by3":"json"/,
    );
  });

  test('edit and diff', async () => {
    const editor = file('editor.sh', '#!/bin/sh\nsed -i "s/replicas: 2/replicas: 3/" "$1"\n');
    await must('chmod', ['+x', editor]);
    await cluster.kubectlWith({ env: { KUBE_EDITOR: editor } }, 'edit', 'deployment/web');
    expect(await jsonpath('deploy', 'web', '{.spec.replicas}')).toBe('3');
    const path = file('web.yaml', deployment('web', 5, TICKING));
    const diff = await cluster.tryKubectl({}, 'diff', '-f', path);
    expect(diff.code).toBe(1);
    expect(diff.stdout).toMatch(/-\s+replicas: 3\n\+\s+replicas: 5/);
    await cluster.kubectl('apply', '-f', file('web.yaml', deployment('web', 2, TICKING)));
    expect(
      (await cluster.tryKubectl({}, 'diff', '-f', file('web.yaml', deployment('web', 2, TICKING))))
        .code,
    ).toBe(0);
  });

  test('create configmap, secret, namespace (protobuf bodies), run, expose', async () => {
    await cluster.kubectl('create', 'configmap', 'settings', '--from-literal=colour=blue');
    expect(await jsonpath('configmap', 'settings', '{.data.colour}')).toBe('blue');
    await cluster.kubectl('create', 'secret', 'generic', 'key', '--from-literal=word=open');
    expect(await jsonpath('secret', 'key', '{.data.word}')).toBe('b3Blbg==');
    await cluster.kubectl('create', 'namespace', 'harbour');
    await cluster.kubectl(
      'create',
      'deployment',
      'boat',
      '--image=wherry-shop/web:1',
      '-n',
      'harbour',
    );
    await cluster.kubectl('create', 'serviceaccount', 'sailor', '-n', 'harbour');
    expect(
      (await cluster.kubectl('create', 'token', 'sailor', '-n', 'harbour')).split('.'),
    ).toHaveLength(3);
    await cluster.kubectl('expose', 'deployment', 'web', '--port=80');
    expect(await jsonpath('service', 'web', '{.spec.clusterIP}')).toMatch(/^10\./);
    await cluster.kubectl(
      'run',
      'once',
      '--image=wherry-shop/web:1',
      '--restart=Never',
      '--',
      'true',
    );
    await cluster.kubectl(
      'wait',
      'pod/once',
      '--for=jsonpath={.status.phase}=Succeeded',
      '--timeout=30s',
    );
  });

  test('a service answers from all replicas in turn', async () => {
    const ip = await jsonpath('service', 'web', '{.spec.clusterIP}');
    const replicas = await jsonpath('deploy', 'web', '{.status.readyReplicas}');
    const seen = new Set<string>();
    await eventually(
      'an answer of every replica',
      async () => {
        seen.add((await run('curl', ['-s', '-m', '2', `http://${ip}/`])).stdout);
        return [...seen].filter((text) => text.startsWith('hello from')).length;
      },
      (count) => count === Number(replicas),
    );
  });

  test('delete waits until things are gone, a namespace takes all with it', async () => {
    await cluster.kubectl('delete', 'pod', 'once');
    await cluster.kubectl('delete', 'namespace', 'harbour', '--timeout=60s');
    const left = await cluster.tryKubectl({}, 'get', 'deployment', 'boat', '-n', 'harbour');
    expect(left.stderr).toMatch(/NotFound/);
    await cluster.kubectl('delete', '-f', file('web.yaml', deployment('web', 2, TICKING)));
    await cluster.kubectl('wait', 'pod', '-l', 'app=web', '--for=delete', '--timeout=60s');
    expect(await cluster.kubectl('get', 'pods', '-o', 'name')).toBe('');
  });
});

describe('mistakes', () => {
  const refused = async (text: string, ...args: string[]) => {
    const { code, stderr } = await cluster.tryKubectl({ input: text }, ...args, '-f', '-');
    expect(code).not.toBe(0);
    return stderr;
  };
  const pod = (spec: string) => `apiVersion: v1
kind: Pod
metadata: { name: wrong }
spec: ${spec}
`;

  test('malformed yaml, an unknown field, a wrong type, a bad name, a missing image', async () => {
    expect(await refused('{ nope', 'apply')).toMatch(/error parsing|error converting/);
    expect(
      await refused(pod('{ containers: [{ name: a, image: b, colour: red }] }'), 'apply'),
    ).toMatch(/unknown field "spec.containers\[0\].colour"/);
    expect(await refused(pod('{ containers: 7 }'), 'create', '--validate=false')).toMatch(
      /BadRequest/,
    );
    expect(await refused(pod('{ containers: [{ name: Not_Good, image: b }] }'), 'create')).toMatch(
      /spec.containers\[0\].name: Invalid value: "Not_Good"/,
    );
    expect(await refused(pod('{ containers: [{ name: a }] }'), 'create')).toMatch(
      /spec.containers\[0\].image: Required value/,
    );
    expect(await refused(pod('{}'), 'create')).toMatch(/spec.containers: Required value/);
  });

  test('a stale write is a conflict', async () => {
    await cluster.kubectl('create', 'configmap', 'stale', '--from-literal=a=1');
    const old = await cluster.kubectl('get', 'configmap', 'stale', '-o', 'yaml');
    await cluster.kubectl('label', 'configmap', 'stale', 'moved=on');
    expect(await refused(old, 'replace')).toMatch(/Conflict.*the object has been modified/s);
  });

  test('an image that does not exist, and a request that no node can meet', async () => {
    await cluster.kubectl('run', 'noimage', '--image=wherry-shop/missing:1');
    await cluster.kubectl(
      'run',
      'huge',
      '--image=wherry-shop/web:1',
      '--overrides',
      JSON.stringify({
        spec: {
          containers: [
            { name: 'huge', image: 'wherry-shop/web:1', resources: { requests: { cpu: '900' } } },
          ],
        },
      }),
    );
    await eventually(
      'ErrImagePull or ImagePullBackOff',
      () => cluster.kubectl('get', 'pod', 'noimage'),
      (text) => /ErrImagePull|ImagePullBackOff/.test(text),
    );
    await eventually(
      'FailedScheduling',
      () => cluster.kubectl('describe', 'pod', 'huge'),
      (text) => /FailedScheduling.*0\/2 nodes are available: 2 Insufficient cpu/.test(text),
    );
    await cluster.kubectl('delete', 'pod', 'noimage', 'huge');
  });
});
