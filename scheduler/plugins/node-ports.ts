// Two pods cannot listen on the same port of a node. The address 0.0.0.0 stands for all of them.

import { check, type FilterPlugin, refuse, SKIP } from '../framework.ts';
import { ANY_IP, type HostPort } from '../pod-info.ts';

const TAKEN = refuse("node(s) didn't have free ports for the requested pod ports");

export const nodePorts = {
  name: 'NodePorts',

  sign: ({ hostPorts }) => JSON.stringify(hostPorts),

  preFilter: ({ hostPorts }) => (hostPorts.length > 0 ? check(hostPorts) : SKIP),

  filter: (wanted, nodes, row) =>
    nodes.hostPorts[row]!.some((held) => wanted.some((port) => collide(held, port)))
      ? TAKEN
      : undefined,

  queueingHint: (_pod, event) =>
    event.kind === 'node-added' ||
    (event.kind === 'pod-removed' && hasHostPort(event.pod.spec.containers)),
} satisfies FilterPlugin<readonly HostPort[]>;

const collide = (a: HostPort, b: HostPort): boolean =>
  a.port === b.port &&
  a.protocol === b.protocol &&
  (a.ip === b.ip || a.ip === ANY_IP || b.ip === ANY_IP);

const hasHostPort = (
  containers: readonly { readonly ports?: readonly { readonly hostPort?: number }[] }[],
): boolean => containers.some(({ ports }) => ports?.some(({ hostPort = 0 }) => hostPort > 0));
