// What the kernel must allow so that the rules do their work.

import type { Log } from '../machinery/log.ts';
import { parseCidr } from './cidr.ts';
import type { Machine } from './machine.ts';

const SETTINGS: readonly { readonly path: string; readonly why: string }[] = [
  { path: '/proc/sys/net/ipv4/ip_forward', why: 'pods reach one another and the world' },
  {
    path: '/proc/sys/net/bridge/bridge-nf-call-iptables',
    why: 'Services work between pods of one bridge',
  },
  { path: '/proc/sys/net/ipv4/conf/all/route_localnet', why: 'node ports answer on 127.0.0.1' },
];

/** Ports of one machine's bridges: far more than it has pods. */
const PORTS_MAX = 10_000;

export async function applySettings(machine: Machine, log: Log): Promise<void> {
  for (const { path, why } of SETTINGS) {
    try {
      if ((await machine.read(path)).trim() === '1') continue;
      await machine.write(path, '1\n');
      log.info('kernel setting switched on', { path, why });
    } catch (error) {
      log.warn('kernel setting could not be switched on', { path, why, error });
    }
  }
}

/**
 * Lets a bridge send a packet back to the port it came from: a pod that calls its own Service and
 * is chosen itself. Only bridges that lead to pods are touched.
 */
export async function allowHairpins(
  machine: Machine,
  clusterCidr: string,
  done: ReadonlySet<string>,
): Promise<ReadonlySet<string>> {
  const seen = new Set<string>();
  for (const bridge of podInterfaces(await machine.read('/proc/net/route'), clusterCidr)) {
    const folder = `/sys/class/net/${bridge}/brif`;
    const ports = await machine.list(folder).catch(() => []);
    for (const port of ports.slice(0, PORTS_MAX)) {
      seen.add(`${bridge}/${port}`);
      if (done.has(`${bridge}/${port}`)) continue;
      // A port that has just gone is nobody's loss.
      await machine.write(`${folder}/${port}/hairpin_mode`, '1\n').catch(() => {});
    }
  }
  return seen;
}

/** Interfaces whose route leads into the pod range. Format: /proc/net/route of Linux. */
export function podInterfaces(routes: string, clusterCidr: string): readonly string[] {
  const range = parseCidr(clusterCidr);
  if (range === undefined) return [];
  const found = new Set<string>();
  for (const line of routes.split('\n').slice(1)) {
    const [name, destination, , , , , , mask] = line.split('\t');
    if (name === undefined || destination === undefined || mask === undefined) continue;
    const address = littleEndian(destination);
    const isWithin = (address & range.mask) >>> 0 === range.address;
    if (isWithin && littleEndian(mask) >= range.mask) found.add(name);
  }
  return [...found];
}

const littleEndian = (hex: string): number =>
  Buffer.from(hex.trim().padStart(8, '0').slice(0, 8), 'hex').readUInt32LE();
