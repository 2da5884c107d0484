import { expect, test } from 'vitest';
import { endpoint, service, slice } from '../test/service-builders.ts';
import { planServices } from './service-map.ts';

const plan = (parts: Partial<Parameters<typeof planServices>[0]>) =>
  planServices({ services: [service()], slices: [slice()], nodeName: '', ...parts });
const only = (parts: Partial<Parameters<typeof planServices>[0]>) => [...plan(parts).values()][0]!;
const ips = (targets: readonly { readonly ip: string }[]) => targets.map(({ ip }) => ip);

test('a service port leads to the ready endpoints of its slices', () => {
  const slices = [
    slice({ endpoints: [endpoint('10.244.0.9'), endpoint('10.244.0.2')] }),
    slice({ endpoints: [endpoint('10.244.0.3', { ready: false })] }),
  ];
  expect([...plan({ slices })]).toEqual([
    [
      'default/web:http/tcp',
      {
        name: 'default/web:http',
        protocol: 'tcp',
        clusterIp: '10.96.0.10',
        port: 80,
        externalIps: [],
        internal: [
          { ip: '10.244.0.2', port: 8080 },
          { ip: '10.244.0.9', port: 8080 },
        ],
        external: [
          { ip: '10.244.0.2', port: 8080 },
          { ip: '10.244.0.9', port: 8080 },
        ],
        externalPolicy: 'Cluster',
        hasEndpoints: true,
      },
    ],
  ]);
});

test('headless and external-name services have no rules', () => {
  expect(plan({ services: [service({ clusterIP: 'None' })] }).size).toBe(0);
  expect(plan({ services: [service({ type: 'ExternalName' })] }).size).toBe(0);
});

test('when nobody is ready, those that end but still serve take over', () => {
  const ending = { ready: false, serving: true, terminating: true };
  const dead = { ready: false, serving: false, terminating: true };
  const slices = (...conditions: (typeof ending)[]) => [
    slice({ endpoints: conditions.map((it, i) => endpoint(`10.244.0.${i + 1}`, it)) }),
  ];
  expect(ips(only({ slices: slices(ending, dead) }).internal)).toEqual(['10.244.0.1']);
  const ready = { ready: true, serving: true, terminating: false };
  expect(ips(only({ slices: slices(ending, ready) }).internal)).toEqual(['10.244.0.2']);
});

test('an endpoint in two slices counts once, by the readier word', () => {
  const slices = [
    slice({ endpoints: [endpoint('10.244.0.1', { ready: true })] }),
    slice({ endpoints: [endpoint('10.244.0.1', { ready: false })] }),
  ];
  expect(ips(only({ slices }).internal)).toEqual(['10.244.0.1']);
});

test('ports are matched by name and protocol, TCP and UDP of one number side by side', () => {
  const ports = [
    { name: 'dns', protocol: 'UDP' as const, port: 53 },
    { name: 'dns-tcp', protocol: 'TCP' as const, port: 53 },
  ];
  const slicePorts = [
    { name: 'dns', protocol: 'UDP' as const, port: 5353 },
    { name: 'dns-tcp', protocol: 'TCP' as const, port: 5354 },
  ];
  const found = plan({
    services: [service({ ports })],
    slices: [slice({ ports: slicePorts })],
  });
  expect([...found.values()].map((it) => [it.protocol, it.internal[0]?.port])).toEqual([
    ['tcp', 5354],
    ['udp', 5353],
  ]);
});

test('the Local policies keep to endpoints of this node; without a node name all are local', () => {
  const endpoints = [endpoint('10.244.0.1', {}, 'here'), endpoint('10.244.1.1', {}, 'there')];
  const services = [service({ externalTrafficPolicy: 'Local', type: 'NodePort' })];
  const slices = [slice({ endpoints })];
  const { internal, external } = only({ services, slices, nodeName: 'here' });
  expect([ips(internal), ips(external)]).toEqual([['10.244.0.1', '10.244.1.1'], ['10.244.0.1']]);
  expect(ips(only({ services, slices }).external).length).toBe(2);
  const inside = [service({ internalTrafficPolicy: 'Local' })];
  const elsewhere = only({ services: inside, slices, nodeName: 'elsewhere' });
  expect([elsewhere.internal, elsewhere.hasEndpoints]).toEqual([[], true]);
});

test('affinity has a sane timeout', () => {
  const withTimeout = (timeoutSeconds: number) =>
    only({
      services: [
        service({
          sessionAffinity: 'ClientIP',
          sessionAffinityConfig: { clientIP: { timeoutSeconds } },
        }),
      ],
    }).affinitySeconds;
  expect([withTimeout(60), withTimeout(-1), withTimeout(1e9)]).toEqual([60, 10_800, 10_800]);
  expect(only({}).affinitySeconds).toBeUndefined();
});

test.each([
  '127.0.0.1',
  '169.254.169.254',
  '0.0.0.0',
  '224.0.0.1',
  '10.0.0.1 -j ACCEPT',
  '10.0.0.1\nCOMMIT',
  '::1',
  '',
])('an endpoint address that is none of a pod is left out: %j', (ip) => {
  expect(only({ slices: [slice({ endpoints: [endpoint(ip)] })] }).internal).toEqual([]);
});

test('a cluster IP or port that is none makes no rules', () => {
  expect(plan({ services: [service({ clusterIP: '10.96.0.1 -j ACCEPT' })] }).size).toBe(0);
  expect(plan({ services: [service({ ports: [{ name: 'x', port: 80.5 }] })] }).size).toBe(0);
});
