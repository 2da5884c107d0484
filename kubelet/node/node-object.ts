// The Node that a kubelet shows: what it is, what it has, how it fares. Pure.

import { quantityOfMilli, quantityOfValue } from '../../machinery/quantity.ts';
import type {
  ContainerImage,
  Node,
  NodeCondition,
  NodeStatus,
} from '../../proto/generated/core.v1.ts';
import type { Image, RuntimeInfo } from '../runtime/runtime.ts';

export const KUBELET_VERSION = 'v1.36.0+wherry-0.1.0';
const IMAGES_MAX = 50; // As upstream reports: the largest ones; a status must stay small.
const IMAGE_NAMES_MAX = 5;

export interface NodeFacts {
  readonly name: string;
  readonly ip: string;
  readonly port: number;
  readonly podCidr: string;
  readonly podsMax: number;
  readonly cpuMilli: number;
  readonly memoryBytes: number;
  readonly storageBytes: number;
  readonly machineId: string;
  readonly bootId: string;
  readonly runtime: RuntimeInfo;
  readonly images: readonly Image[];
  /** Why no pod can run here now. */
  readonly trouble?: string | undefined;
}

const ARCHITECTURES: Readonly<Record<string, string>> = { x86_64: 'amd64', aarch64: 'arm64' };

const architectureOf = ({ runtime }: NodeFacts): string =>
  ARCHITECTURES[runtime.architecture] ?? runtime.architecture;

export function nodeLabelsOf(facts: NodeFacts): Record<string, string> {
  return {
    'kubernetes.io/hostname': facts.name,
    'kubernetes.io/os': 'linux',
    'kubernetes.io/arch': architectureOf(facts),
    'beta.kubernetes.io/os': 'linux',
    'beta.kubernetes.io/arch': architectureOf(facts),
  };
}

export const nodeOf = (facts: NodeFacts, now: string): Node => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: facts.name, labels: nodeLabelsOf(facts) },
  spec: { podCIDR: facts.podCidr, podCIDRs: [facts.podCidr] },
  status: nodeStatusOf(facts, [], now),
});

export function capacityOf(facts: NodeFacts): Record<string, string> {
  return {
    cpu: quantityOfMilli(facts.cpuMilli).toString(),
    memory: `${Math.floor(facts.memoryBytes / 1024)}Ki`,
    pods: String(facts.podsMax),
    'ephemeral-storage': quantityOfValue(facts.storageBytes, 'binary').toString(),
    'hugepages-1Gi': '0',
    'hugepages-2Mi': '0',
  };
}

export function nodeStatusOf(
  facts: NodeFacts,
  before: readonly NodeCondition[],
  now: string,
): NodeStatus {
  const { runtime } = facts;
  return {
    capacity: capacityOf(facts),
    allocatable: capacityOf(facts),
    conditions: conditionsOf(facts, before, now),
    addresses: [
      { type: 'InternalIP', address: facts.ip },
      { type: 'Hostname', address: facts.name },
    ],
    daemonEndpoints: { kubeletEndpoint: { Port: facts.port } },
    nodeInfo: {
      machineID: facts.machineId,
      systemUUID: facts.machineId,
      bootID: facts.bootId,
      kernelVersion: runtime.kernelVersion,
      osImage: runtime.osImage,
      containerRuntimeVersion: `${runtime.name}://${runtime.version}`,
      kubeletVersion: KUBELET_VERSION,
      kubeProxyVersion: '',
      operatingSystem: 'linux',
      architecture: architectureOf(facts),
    },
    images: imagesOf(facts.images),
  };
}

function imagesOf(images: readonly Image[]): ContainerImage[] {
  return images
    .filter(({ names, digests }) => names.length + digests.length > 0)
    .toSorted((a, b) => b.sizeBytes - a.sizeBytes)
    .slice(0, IMAGES_MAX)
    .map(({ names, digests, sizeBytes }) => ({
      names: [...digests, ...names].slice(0, IMAGE_NAMES_MAX),
      sizeBytes,
    }));
}

function conditionsOf(
  { trouble }: NodeFacts,
  before: readonly NodeCondition[],
  now: string,
): NodeCondition[] {
  const enough = (type: string, reason: string, of: string): Fact => ({
    type,
    status: 'False',
    reason: `KubeletHas${reason}`,
    message: `kubelet has ${of}`,
  });
  const facts: Fact[] = [
    enough('MemoryPressure', 'SufficientMemory', 'sufficient memory available'),
    enough('DiskPressure', 'NoDiskPressure', 'no disk pressure'),
    enough('PIDPressure', 'SufficientPID', 'sufficient PID available'),
    trouble === undefined
      ? {
          type: 'Ready',
          status: 'True',
          reason: 'KubeletReady',
          message: 'kubelet is posting ready status',
        }
      : { type: 'Ready', status: 'False', reason: 'KubeletNotReady', message: trouble },
  ];
  return facts.map((fact) => {
    const same = before.find(({ type, status }) => type === fact.type && status === fact.status);
    const lastTransitionTime = same?.lastTransitionTime ?? now;
    return { ...fact, lastHeartbeatTime: now, lastTransitionTime };
  });
}

type Fact = Pick<NodeCondition, 'type' | 'status' | 'reason' | 'message'>;
