// UDP has no end of a connection: the kernel would go on sending a client's packets to an endpoint
// that is gone. So its memory of them is deleted.

import type { Log } from '../machinery/log.ts';
import type { Machine } from './machine.ts';
import type { ServiceMap, ServicePortRules } from './service-map.ts';

/** A burst of changes forgets all UDP to the service instead of endpoint by endpoint. */
const DELETIONS_MAX = 256;

/** Words for `conntrack`, one list a deletion. */
export function planForgetting(
  before: ServiceMap,
  after: ServiceMap,
): readonly (readonly string[])[] {
  const deletions: string[][] = [];
  for (const [key, old] of before) {
    if (old.protocol !== 'udp') continue;
    const next = after.get(key);
    const kept = new Set(next === undefined ? [] : targetsOf(next).map(({ ip }) => ip));
    const gone = new Set(targetsOf(old).map(({ ip }) => ip));
    for (const ip of gone) if (!kept.has(ip)) deletions.push(...forget(old, ['--dst-nat', ip]));
  }
  for (const [key, next] of after) {
    if (next.protocol !== 'udp' || targetsOf(next).length === 0) continue;
    // Packets that came before there was anybody are remembered as going nowhere.
    const old = before.get(key);
    if (old === undefined || targetsOf(old).length === 0) deletions.push(...forget(next, []));
  }
  return deletions.slice(0, DELETIONS_MAX);
}

const targetsOf = ({ internal, external }: ServicePortRules) => [...internal, ...external];

function forget(service: ServicePortRules, words: readonly string[]): string[][] {
  const { clusterIp, port, nodePort, externalIps } = service;
  const addresses = [clusterIp, ...externalIps].map((ip) => [
    ...['-D', '-p', 'udp', '--orig-dst', ip, '--orig-port-dst', `${port}`],
    ...words,
  ]);
  if (nodePort === undefined) return addresses;
  return [...addresses, ['-D', '-p', 'udp', '--orig-port-dst', `${nodePort}`, ...words]];
}

/** Best effort: without the command old flows die by their own timeout. */
export async function forgetFlows(
  machine: Machine,
  deletions: readonly (readonly string[])[],
  log: Log,
): Promise<void> {
  for (const words of deletions) {
    try {
      const { code, stderr } = await machine.run('conntrack', words);
      if (code !== 0 && !stderr.includes('0 flow entries')) {
        log.warn('could not forget UDP flows', { error: stderr.trim() });
      }
    } catch (error) {
      log.warn('no conntrack command: UDP clients may keep to an endpoint that is gone', { error });
      return;
    }
  }
}
