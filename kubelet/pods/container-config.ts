// A container of a pod in the engine's terms. Pure: everything it refers to is resolved before.

import { milliValueOf, wholeValueOf } from '../../machinery/quantity.ts';
import type { Container as ContainerSpec, Pod } from '../../proto/generated/core.v1.ts';
import { expand } from '../env/expansion.ts';
import type {
  ContainerConfig,
  ContainerSecurity,
  Image,
  Mount,
  PodRef,
  ResourceLimits,
} from '../runtime/runtime.ts';
import type { Waiting } from './view.ts';

const SHARES_PER_CPU = 1024;
const SHARES_MIN = 2;
const QUOTA_MICROS_PER_MILLI = 100; // Of a period of 100 ms.
const QUOTA_MICROS_MIN = 1000;

export interface ContainerContext {
  readonly env: ReadonlyMap<string, string>;
  readonly mounts: readonly Mount[];
  readonly attempt: number;
  readonly hostname: string;
  readonly terminationLog: string;
}

export const refOf = ({ metadata }: Pod): PodRef => ({
  uid: metadata.uid ?? '',
  name: metadata.name,
  namespace: metadata.namespace ?? '',
});

export function containerConfigOf(
  pod: Pod,
  spec: ContainerSpec,
  context: ContainerContext,
): ContainerConfig {
  const lookUp = (name: string): string | undefined => context.env.get(name);
  const command = spec.command?.map((word) => expand(word, lookUp));
  const args = spec.args?.map((word) => expand(word, lookUp));
  const hostname = pod.spec.hostNetwork ? '' : context.hostname;
  return {
    pod: refOf(pod),
    name: spec.name,
    attempt: context.attempt,
    image: spec.image ?? '',
    ...(command && command.length > 0 && { command }),
    ...(args && args.length > 0 && { args }),
    ...(spec.workingDir && { workingDir: spec.workingDir }),
    env: [
      ...(hostname === '' ? [] : [`HOSTNAME=${hostname}`]),
      ...[...context.env].map(([name, value]) => `${name}=${value}`),
    ],
    mounts: context.mounts,
    tty: spec.tty ?? false,
    stdin: spec.stdin ?? false,
    stdinOnce: spec.stdinOnce ?? false,
    limits: limitsOf(spec),
    security: securityOf(pod, spec),
    hostname,
    terminationLog: context.terminationLog,
    isHostPid: pod.spec.hostPID ?? false,
    isHostIpc: pod.spec.hostIPC ?? false,
    sharesProcesses: pod.spec.shareProcessNamespace ?? false,
    ...(spec.lifecycle?.stopSignal && { stopSignal: spec.lifecycle.stopSignal }),
    annotations: pod.metadata.annotations ?? {},
  };
}

export function limitsOf({ resources }: ContainerSpec): ResourceLimits {
  const cpuLimit = milliValueOf(resources?.limits?.cpu);
  const cpuRequest = milliValueOf(resources?.requests?.cpu ?? resources?.limits?.cpu);
  const memory = wholeValueOf(resources?.limits?.memory);
  return {
    cpuShares: Math.max(SHARES_MIN, Math.floor((cpuRequest * SHARES_PER_CPU) / 1000)),
    ...(cpuLimit > 0 && {
      cpuQuota: Math.max(QUOTA_MICROS_MIN, cpuLimit * QUOTA_MICROS_PER_MILLI),
    }),
    ...(memory > 0 && { memoryBytes: memory }),
  };
}

function securityOf({ spec: pod }: Pod, { securityContext }: ContainerSpec): ContainerSecurity {
  const shared = pod.securityContext ?? {};
  const own = securityContext ?? {};
  const user = own.runAsUser ?? shared.runAsUser;
  const group = own.runAsGroup ?? shared.runAsGroup;
  const seccomp = own.seccompProfile ?? shared.seccompProfile;
  const groups = [...(shared.supplementalGroups ?? [])];
  if (shared.fsGroup !== undefined) groups.push(shared.fsGroup);
  return {
    // A group without a user keeps the engine's default user, root.
    ...((user !== undefined || group !== undefined) && {
      user: group === undefined ? String(user) : `${user ?? 0}:${group}`,
    }),
    groups: groups.map(String),
    isPrivileged: own.privileged ?? false,
    isReadOnlyRoot: own.readOnlyRootFilesystem ?? false,
    forbidsNewPrivileges: own.allowPrivilegeEscalation === false,
    addCapabilities: own.capabilities?.add ?? [],
    dropCapabilities: own.capabilities?.drop ?? [],
    seccomp: seccomp?.type === 'Unconfined' ? 'unconfined' : 'default',
    unmasksProc: own.procMount === 'Unmasked',
  };
}

/** Why this image may not run as it would: the pod forbids root. */
export function rootRefusal(pod: Pod, spec: ContainerSpec, image: Image): Waiting | undefined {
  const own = spec.securityContext ?? {};
  const shared = pod.spec.securityContext ?? {};
  if (!(own.runAsNonRoot ?? shared.runAsNonRoot)) return undefined;
  const user = own.runAsUser ?? shared.runAsUser;
  const name = `container: ${spec.name}, pod: ${pod.metadata.name}_${pod.metadata.namespace}`;
  const refuse = (why: string): Waiting => ({
    reason: 'CreateContainerConfigError',
    message: `container has runAsNonRoot and ${why} (${name})`,
  });
  if (user === 0) return refuse("the container's runAsUser breaks non-root policy");
  if (user !== undefined) return undefined;
  const imageUser = image.user.split(':')[0] ?? '';
  if (imageUser === '' || imageUser === '0' || imageUser === 'root') {
    return refuse('image will run as root');
  }
  if (/^\d+$/.test(imageUser)) return undefined;
  return refuse(`image has non-numeric user (${imageUser}), cannot verify user is non-root`);
}
