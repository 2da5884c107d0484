// The real kubectl applies server-side: conflicts, force, fields that go, managers that share, and
// the way from client-side apply. The containers are simulated: nothing here is about them.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Cluster, startCluster } from '../e2e/cluster.ts';

let cluster: Cluster;

beforeAll(async () => {
  cluster = await startCluster('apply', ['--runtime', 'hollow', '--nodes', '1']);
});

afterAll(async () => {
  await cluster?.down();
});

const deployment = (spec: object, container: object = {}) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web' },
  spec: {
    ...spec,
    selector: { matchLabels: { app: 'web' } },
    template: {
      metadata: { labels: { app: 'web' } },
      spec: { containers: [{ name: 'main', image: 'shop:1', ...container }] },
    },
  },
});

const configMap = (name: string, data: object) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name },
  data,
});

const tryApply = (object: object, ...flags: readonly string[]) =>
  cluster.tryKubectl({ input: JSON.stringify(object) }, 'apply', ...flags, '-f', '-');

async function apply(object: object, ...flags: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await tryApply(object, '--server-side', ...flags);
  expect(`${code} ${stderr}`).toBe('0 ');
  return stdout;
}

const refusalOf = async (object: object, ...flags: readonly string[]): Promise<string> => {
  const { code, stderr } = await tryApply(object, '--server-side', ...flags);
  expect(code).toBe(1);
  return stderr;
};

const jsonpath = (what: string, path: string) =>
  cluster.kubectl('get', ...what.split(' '), '-o', `jsonpath=${path}`);

test('applying again changes nothing, and diff knows it', async () => {
  const wanted = deployment({ replicas: 2 }, { resources: { requests: { cpu: '0.1' } } });
  expect(await apply(wanted)).toBe('deployment.apps/web serverside-applied\n');
  const generation = () => jsonpath('deployment web', '{.metadata.generation}');
  expect(await generation()).toBe('1');
  const time = '{.metadata.managedFields[?(@.operation=="Apply")].time}';
  const before = await jsonpath('deployment web --show-managed-fields', time);
  await apply(wanted);
  expect(await generation()).toBe('1');
  expect(await jsonpath('deployment web --show-managed-fields', time)).toBe(before);
  const input = JSON.stringify(wanted);
  await cluster.kubectlWith({ input }, 'diff', '--server-side', '-f', '-');
  const other = JSON.stringify(deployment({ replicas: 3 }));
  const diff = await cluster.tryKubectl({ input: other }, 'diff', '--server-side', '-f', '-');
  expect(diff.code).toBe(1);
  expect(diff.stdout).toMatch(/-\s+replicas: 2\n\+\s+replicas: 3/);
});

test('what others changed is a conflict, which force settles', async () => {
  await cluster.kubectl('scale', 'deployment/web', '--replicas=3');
  expect(await refusalOf(deployment({ replicas: 2 }))).toContain(
    'Apply failed with 1 conflict: conflict with "kubectl" with subresource "scale" using apps/v1: .spec.replicas',
  );
  await cluster.kubectlWith(
    { env: { KUBE_EDITOR: 'sed -i s/shop:1/shop:2/' } },
    'edit',
    'deployment/web',
  );
  expect(await refusalOf(deployment({ replicas: 3 }))).toContain(
    'conflict with "kubectl-edit" using apps/v1: .spec.template.spec.containers[name="main"].image',
  );
  await apply(deployment({ replicas: 2 }), '--force-conflicts');
  const [replicas, image] = ['{.spec.replicas}', '{..containers[0].image}'];
  expect(await jsonpath('deployment web', `${replicas} ${image}`)).toBe('2 shop:1');
});

test('fields, elements and keys go when nobody applies them any more', async () => {
  const ports = [{ containerPort: 80 }, { containerPort: 443 }];
  const env = [
    { name: 'A', value: '1' },
    { name: 'B', value: '2' },
  ];
  await apply(deployment({ replicas: 2 }, { ports, env }));
  await apply(deployment({}, { ports: ports.slice(0, 1), env: env.slice(1) }));
  const container = '{..containers[0]';
  expect(
    await jsonpath('deployment web', `{.spec.replicas} ${container}.ports} ${container}.env}`),
  ).toBe('1 [{"containerPort":80,"protocol":"TCP"}] [{"name":"B","value":"2"}]');

  const service = (...named: readonly [string, number][]) => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web' },
    spec: { selector: { app: 'web' }, ports: named.map(([name, port]) => ({ name, port })) },
  });
  await apply(service(['http', 80], ['tls', 443]));
  const address = await jsonpath('service web', '{.spec.clusterIP}');
  await apply(service(['http', 80]));
  expect(await jsonpath('service web', '{.spec.ports[*].port} {.spec.clusterIP}')).toBe(
    `80 ${address}`,
  );
});

test('two managers share an object, and what both say stays until both are silent', async () => {
  await apply(configMap('shared', { a: '1', b: '1' }));
  await apply(configMap('shared', { a: '1', c: '1' }), '--field-manager=other');
  await apply(configMap('shared', { b: '1' }));
  const data = () => jsonpath('configmap shared', '{.data}');
  expect(JSON.parse(await data())).toEqual({ a: '1', b: '1', c: '1' });
  await apply(configMap('shared', { c: '1' }), '--field-manager=other');
  expect(JSON.parse(await data())).toEqual({ b: '1', c: '1' });
  expect(await refusalOf(configMap('shared', { b: '1', c: '2' }))).toContain(
    'conflict with "other": .data.c',
  );
  const shown = await cluster.kubectl('get', 'configmap', 'shared', '-o', 'yaml');
  expect(shown).not.toContain('managedFields');
});

test('client-side apply passes its fields on, and takes them back', async () => {
  const clientSide = async (data: object) => {
    const { code, stderr } = await tryApply(configMap('moved', data));
    expect(`${code} ${stderr}`).toBe('0 ');
  };
  const data = async () => JSON.parse(await jsonpath('configmap moved', '{.data}')) as unknown;
  await clientSide({ a: '1', b: '1' });
  await apply(configMap('moved', { a: '2', b: '1' }));
  expect(await data()).toEqual({ a: '2', b: '1' });
  await clientSide({ a: '2', c: '1' });
  expect(await data()).toEqual({ a: '2', c: '1' });
  await apply(configMap('moved', { a: '3' }));
  expect(await data()).toEqual({ a: '3' });
});

test('a configuration with an unknown field is refused, and a dry run makes nothing', async () => {
  expect(await refusalOf(deployment({ replicass: 2 }))).toContain(
    '(default/web; apps/v1, Kind=Deployment): .spec.replicass: field not declared in schema',
  );
  await apply(configMap('never', {}), '--dry-run=server');
  expect(await cluster.kubectl('get', 'configmap', 'never', '--ignore-not-found')).toBe('');
});
