import { expect, test } from 'vitest';
import { endpoint, service, slice } from '../test/service-builders.ts';
import { chainsOf } from './chains.ts';
import { planCleanup, planRewrite, planUpdate } from './restore-plan.ts';
import { planRules, type RuleOptions, type RuleSet } from './rules.ts';
import { parseSaved } from './saved-rules.ts';
import { planServices } from './service-map.ts';

const chains = chainsOf('WTEST');
const options: RuleOptions = {
  chains,
  clusterCidr: '10.244.0.0/16',
  serviceCidr: '10.96.0.0/16',
};

function rulesFor(
  services: Parameters<typeof planServices>[0]['services'],
  slices = [slice()],
  nodeName = '',
): RuleSet {
  return planRules(planServices({ services, slices, nodeName }), options);
}

const SVC = chains.of('SVC', 'default/web:http/tcp');
const EXT = chains.of('EXT', 'default/web:http/tcp');
const SVL = chains.of('SVL', 'default/web:http/tcp');
const sep = (target: string) => chains.of('SEP', `default/web:http/tcp ${target}`);

test('chain names fit, carry the prefix and differ by what they stand for', () => {
  const longest = chainsOf('W123456').of('SVC', 'a-very/long-name:with-a-port/tcp');
  expect(longest.length).toBeLessThanOrEqual(28);
  expect(chains.isOurs(SVC)).toBe(true);
  expect(chains.isOurs('WTEST2-SERVICES')).toBe(false);
  expect(chains.of('SVC', 'a')).not.toBe(chains.of('SVC', 'b'));
  expect(() => chainsOf('TOO-LONG')).toThrow('chain prefix');
  expect(() => chainsOf('')).toThrow('chain prefix');
});

test('a service is dispatched, spread by chance and translated', () => {
  const endpoints = [1, 2, 3].map((i) => endpoint(`10.244.0.${i}`));
  const { nat } = rulesFor([service()], [slice({ endpoints })]);
  const targets = [1, 2, 3].map((i) => sep(`10.244.0.${i}:8080`));
  const match = '-d 10.96.0.10/32 -p tcp -m tcp --dport 80';
  expect(nat.get('WTEST-SERVICES')).toEqual([
    `${match} -m comment --comment "default/web:http" -j ${SVC}`,
    '-m addrtype --dst-type LOCAL -j WTEST-NODEPORTS',
  ]);
  expect(nat.get(SVC)).toEqual([
    `! -s 10.244.0.0/16 ${match} -j WTEST-MASQUERADE`,
    `-m statistic --mode random --probability 0.3333333333 -j ${targets[0]}`,
    `-m statistic --mode random --probability 0.5000000000 -j ${targets[1]}`,
    `-j ${targets[2]}`,
  ]);
  expect(nat.get(targets[0]!)).toEqual([
    '-s 10.244.0.1/32 -m comment --comment "default/web:http" -j WTEST-MASQUERADE',
    '-p tcp -m tcp -j DNAT --to-destination 10.244.0.1:8080',
  ]);
});

test('affinity asks who is remembered before it leaves the choice to chance', () => {
  const { nat } = rulesFor([service({ sessionAffinity: 'ClientIP' })]);
  const target = sep('10.244.0.1:8080');
  expect(nat.get(SVC)?.slice(1)).toEqual([
    `-m recent --rcheck --seconds 10800 --reap --name ${target} --rsource -j ${target}`,
    `-j ${target}`,
  ]);
  expect(nat.get(target)?.[1]).toBe(
    `-m recent --set --name ${target} --rsource -p tcp -m tcp -j DNAT ` +
      '--to-destination 10.244.0.1:8080',
  );
});

test('a node port masquerades, unless its traffic stays on the node', () => {
  const ports = [{ name: 'http', port: 80, nodePort: 30_080 }];
  const spec = { type: 'NodePort' as const, ports };
  expect(rulesFor([service(spec)]).nat.get('WTEST-NODEPORTS')).toEqual([
    `-p tcp -m tcp --dport 30080 -m comment --comment "default/web:http" -j ${EXT}`,
  ]);
  expect(rulesFor([service(spec)]).nat.get(EXT)).toEqual(['-j WTEST-MASQUERADE', `-j ${SVC}`]);
  const local = rulesFor([service({ ...spec, externalTrafficPolicy: 'Local' })]).nat;
  expect(local.get(EXT)).toEqual([
    `-s 10.244.0.0/16 -j ${SVC}`,
    '-m addrtype --src-type LOCAL -j WTEST-MASQUERADE',
    `-m addrtype --src-type LOCAL -j ${SVC}`,
    `-j ${SVL}`,
  ]);
  expect(local.get(SVL)).toEqual([`-j ${sep('10.244.0.1:8080')}`]);
});

test('every chain that a rule leads to exists', () => {
  const policies = ['Cluster', 'Local'] as const;
  for (const externalTrafficPolicy of policies) {
    for (const internalTrafficPolicy of policies) {
      for (const nodeName of ['here', 'there', 'elsewhere', '']) {
        const spec = { externalTrafficPolicy, internalTrafficPolicy, type: 'NodePort' as const };
        const ports = [{ name: 'http', port: 80, nodePort: 30_080 }];
        const endpoints = [endpoint('10.244.0.1', {}, 'here'), endpoint('10.244.1.1', {}, 'there')];
        const wanted = rulesFor(
          [service({ ...spec, ports, externalIPs: ['192.0.2.7'] })],
          [slice({ endpoints })],
          nodeName,
        );
        for (const table of [wanted.nat, wanted.filter]) {
          const jumps = [...table.values()].flat().map((rule) => /-j (WTEST-\S+)/.exec(rule)?.[1]);
          for (const to of jumps) if (to !== undefined) expect([...table.keys()]).toContain(to);
        }
      }
    }
  }
});

test('services without endpoints are refused', () => {
  const ports = [{ name: 'http', port: 80, nodePort: 30_080 }];
  const { nat, filter } = rulesFor([service({ type: 'NodePort', ports })], []);
  expect(nat.get('WTEST-SERVICES')?.length).toBe(1);
  expect(filter.get('WTEST-REJECT')).toEqual([
    '-m addrtype --dst-type LOCAL -p tcp -m tcp --dport 30080 ' +
      '-m comment --comment "default/web:http" -j REJECT --reject-with icmp-port-unreachable',
    '-d 10.96.0.0/16 -j REJECT --reject-with icmp-port-unreachable',
  ]);
});

test('an update touches only the chains that changed', () => {
  const others = Array.from({ length: 20 }, (_, i) =>
    service({ clusterIP: `10.96.1.${i}` }, `other-${i}`),
  );
  const otherSlices = others.map(({ metadata: { name } }) => slice({}, name));
  const before = rulesFor([service(), ...others], [slice(), ...otherSlices]);
  expect(planUpdate(before, before)).toBe('');
  const endpoints = [endpoint('10.244.0.5')];
  const moved = rulesFor([service(), ...others], [slice({ endpoints }), ...otherSlices]);
  const [old, next] = [sep('10.244.0.1:8080'), sep('10.244.0.5:8080')];
  const text = planUpdate(before, moved).split('\n');
  expect(text.filter((line) => line.startsWith(':')).sort()).toEqual(
    [SVC, old, next].map((chain) => `:${chain} - [0:0]`).sort(),
  );
  expect(text).toContain(`-X ${old}`);
  const gone = planUpdate(before, rulesFor(others, otherSlices)).split('\n');
  expect(gone).toEqual([
    '*nat',
    `:${SVC} - [0:0]`,
    `:${old} - [0:0]`,
    `-D WTEST-SERVICES ${before.nat.get('WTEST-SERVICES')?.at(-2)}`,
    `-X ${SVC}`,
    `-X ${old}`,
    'COMMIT',
    '',
  ]);
});

const SAVED = `*nat
:PREROUTING ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
:WTEST-SERVICES - [0:0]
:WTEST-SVC-STALE - [0:0]
:WOTHER-SERVICES - [0:0]
-A PREROUTING -j WTEST-SERVICES
-A PREROUTING -m comment --comment "old" -j WTEST-SERVICES
-A PREROUTING -j WOTHER-SERVICES
-A WTEST-SERVICES -j WTEST-SVC-STALE
COMMIT
*filter
:INPUT ACCEPT [0:0]
:FORWARD DROP [0:0]
:DOCKER-USER - [0:0]
-A FORWARD -j DOCKER-USER
-A FORWARD -j WTEST-FORWARD
COMMIT
`;

test('a rewrite drops what is stale, keeps others, and jumps once, before Docker', () => {
  const lines = planRewrite(parseSaved(SAVED), rulesFor([service()]), chains).split('\n');
  expect(lines).toContain('-X WTEST-SVC-STALE');
  expect(lines).toContain('-D PREROUTING -m comment --comment "old" -j WTEST-SERVICES');
  expect(lines.filter((line) => line.includes('PREROUTING'))).toHaveLength(1);
  expect(lines).toContain('-I OUTPUT 1 -j WTEST-SERVICES');
  expect(lines).toContain('-I DOCKER-USER 1 -j WTEST-FORWARD');
  expect(lines).toContain('-D FORWARD -j WTEST-FORWARD');
  expect(lines.join('\n')).not.toContain('WOTHER');
});

test('a cleanup removes all of ours and nothing else', () => {
  const text = planCleanup(parseSaved(SAVED), chains);
  expect(text).toBe(`*nat
:WTEST-SERVICES - [0:0]
:WTEST-SVC-STALE - [0:0]
-D PREROUTING -j WTEST-SERVICES
-D PREROUTING -m comment --comment "old" -j WTEST-SERVICES
-X WTEST-SERVICES
-X WTEST-SVC-STALE
COMMIT
*filter
-D FORWARD -j WTEST-FORWARD
COMMIT
`);
});
