import { expect, test } from 'vitest';
import { forwardPolicyOf, planDockerLeftovers } from './docker-leftovers.ts';

const SAVED = `# Generated
*nat
:PREROUTING ACCEPT [0:0]
:DOCKER - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A PREROUTING -p tcp -j MINE
-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
-A DOCKER -i docker0 -j RETURN
COMMIT
*filter
:FORWARD DROP [0:0]
:DOCKER-USER - [0:0]
:MINE - [0:0]
-A FORWARD -j DOCKER-USER
-A FORWARD -j MINE
-A DOCKER-USER -j RETURN
COMMIT
*mangle
:FORWARD ACCEPT [0:0]
COMMIT
`;

test("Docker's chains and the rules that lead to them go, others stay", () => {
  expect(planDockerLeftovers(SAVED, 'ACCEPT')).toBe(`*nat
-D PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-D POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
-F DOCKER
-X DOCKER
COMMIT
*filter
:FORWARD ACCEPT [0:0]
-D FORWARD -j DOCKER-USER
-F DOCKER-USER
-X DOCKER-USER
COMMIT
`);
});

test('where Docker left nothing there is nothing to do', () => {
  expect(planDockerLeftovers('*filter\n:FORWARD ACCEPT [0:0]\nCOMMIT\n', 'ACCEPT')).toBe('');
  expect(forwardPolicyOf('*filter\n:FORWARD DROP [1:2]\nCOMMIT\n')).toBe('DROP');
});
