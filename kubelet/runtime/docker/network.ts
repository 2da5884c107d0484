// Every node has one bridge network of its own. Pod addresses must survive on their way to other
// nodes, so the engine does not masquerade; one rule of the proxy does, for what leaves the range.

import { createHash } from 'node:crypto';
import type Dockerode from 'dockerode';
import { type DockerOptions, isConflict, unlessGone } from './engine.ts';
import { LABEL } from './names.ts';

export const networkNameOf = ({ cluster, node }: DockerOptions): string =>
  `wherry-${cluster}-${node}`;

/** Interface names end at 15 characters. */
const bridgeNameOf = (options: DockerOptions): string =>
  `why-${createHash('sha256').update(networkNameOf(options)).digest('hex').slice(0, 10)}`;

/** First address of the range: the bridge itself, and so the node as its pods see it. */
export function gatewayOf(cidr: string): string {
  const match = /^(\d+)\.(\d+)\.(\d+)\.(\d+)\/(\d+)$/.exec(cidr);
  if (!match) throw new TypeError(`want an IPv4 range such as 10.244.1.0/24, got "${cidr}"`);
  return `${match[1]}.${match[2]}.${match[3]}.${Number(match[4]) + 1}`;
}

export async function ensureNetwork(docker: Dockerode, options: DockerOptions): Promise<void> {
  const name = networkNameOf(options);
  const present = await unlessGone(docker.getNetwork(name).inspect());
  const subnet: unknown = present?.IPAM?.Config?.[0]?.Subnet;
  if (subnet === options.podCidr) return;
  if (present) {
    throw new Error(`network ${name} has the range ${subnet}, this node wants ${options.podCidr}`);
  }
  try {
    await docker.createNetwork({
      Name: name,
      CheckDuplicate: true,
      Driver: 'bridge',
      IPAM: {
        Driver: 'default',
        Config: [{ Subnet: options.podCidr, Gateway: gatewayOf(options.podCidr) }],
      },
      Options: {
        'com.docker.network.bridge.name': bridgeNameOf(options),
        'com.docker.network.bridge.enable_ip_masquerade': 'false',
        'com.docker.network.driver.mtu': String(options.mtu),
      },
      Labels: { [LABEL.cluster]: options.cluster, [LABEL.node]: options.node },
    });
  } catch (error) {
    if (!isConflict(error)) throw error; // Another start of this node was quicker.
  }
}

export async function removeNetwork(docker: Dockerode, options: DockerOptions): Promise<void> {
  await unlessGone(docker.getNetwork(networkNameOf(options)).remove());
}
