// Names and labels are the durable record: what a container is for can be read back from them.
// A pooled sandbox cannot be relabelled, only renamed, so a sandbox's pod is in its name.
//
//   k8s_POD_<pod>_<namespace>_<uid>_<attempt>          sandbox of a pod
//   k8s_<container>_<pod>_<namespace>_<uid>_<attempt>  container
//   wherry_pool_<cluster>_<node>_<random>              ready sandbox that no pod has yet

import type { PodRef } from '../runtime.ts';

export const LABEL = {
  cluster: 'wherry.cluster',
  node: 'wherry.node',
  type: 'wherry.type',
  /** Set on sandboxes that were made for the pool: their hostname is not the pod's. */
  pooled: 'wherry.pooled',
  sandbox: 'wherry.sandbox',
  hostname: 'wherry.hostname',
  image: 'wherry.image',
  terminationLog: 'wherry.termination-log',
  podUid: 'io.kubernetes.pod.uid',
  podName: 'io.kubernetes.pod.name',
  podNamespace: 'io.kubernetes.pod.namespace',
  container: 'io.kubernetes.container.name',
  attempt: 'io.kubernetes.container.restartCount',
} as const;

export interface Owned {
  readonly container: string;
  readonly pod: PodRef;
  readonly attempt: number;
}

const SANDBOX = 'POD';
const POOL_PREFIX = 'wherry_pool_';

export const containerNameOf = (pod: PodRef, container: string, attempt: number): string =>
  `k8s_${container}_${pod.name}_${pod.namespace}_${pod.uid}_${attempt}`;

export const sandboxNameOf = (pod: PodRef, attempt: number): string =>
  containerNameOf(pod, SANDBOX, attempt);

export const poolNameOf = (cluster: string, node: string, tail: string): string =>
  `${POOL_PREFIX}${cluster}_${node}_${tail}`;

/** The engine puts a slash before names. */
const bare = (name: string): string => (name.startsWith('/') ? name.slice(1) : name);

export const isPoolName = (name: string): boolean => bare(name).startsWith(POOL_PREFIX);

/** Kubernetes names never hold an underscore, so the parts fall apart cleanly. */
export function parseName(name: string): Owned | undefined {
  const parts = bare(name).split('_');
  const [prefix, container, pod, namespace, uid, attempt] = parts;
  if (prefix !== 'k8s' || parts.length !== 6 || !container || !pod || !namespace || !uid) {
    return undefined;
  }
  const count = Number(attempt);
  if (!Number.isSafeInteger(count)) return undefined;
  return { container, pod: { uid, name: pod, namespace }, attempt: count };
}

export const isSandbox = (owned: Owned): boolean => owned.container === SANDBOX;
