// What the tests of a pod's life and of its streams share: a cluster of one node with the pods of
// a manifest, and short ways to ask about one pod.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ContainerStatus, Event, Pod } from '../../proto/generated/core.v1.ts';
import { type Cluster, eventually, must, type Outcome, startCluster } from './cluster.ts';

export interface PodCluster extends Cluster {
  /** A folder of the machine that the manifest knows as @DIR@. */
  readonly shared: string;
  /** Its only kubelet, as `pidOf` knows it. */
  readonly kubelet: string;
  pod(name: string): Promise<Pod>;
  /** Of its first container. */
  status(name: string): Promise<ContainerStatus>;
  untilStatus(
    name: string,
    what: string,
    isRight: (status: ContainerStatus) => boolean,
  ): Promise<ContainerStatus>;
  untilPod(name: string, what: string, isRight: (pod: Pod) => boolean): Promise<Pod>;
  /** Runs a shell script in `pod` or `pod/container`; answers its output without the last newline. */
  inside(name: string, script: string): Promise<string>;
  tryInside(name: string, script: string): Promise<Outcome>;
  events(name: string): Promise<readonly Event[]>;
}

const ROOMY_MS = 45_000;

export async function startPodCluster(prefix: string, manifest: string): Promise<PodCluster> {
  await must('sh', ['examples/shop/images/build.sh'], { timeoutMs: 240_000 });
  // Two runs of the tests on one machine must not take each other's containers for their own.
  const name = `${prefix}-${process.pid}`;
  const shared = mkdtempSync(join(tmpdir(), `wherry-${name}-shared-`));
  const cluster = await startCluster(name, ['--nodes', '1']).catch((error) => {
    rmSync(shared, { recursive: true, force: true });
    throw error;
  });
  const { kubectl, tryKubectl } = cluster;
  const pod = async (of: string): Promise<Pod> =>
    JSON.parse(await kubectl('get', 'pod', of, '-o', 'json'));
  const untilPod = (of: string, what: string, isRight: (pod: Pod) => boolean) =>
    eventually(`${of} ${what}`, () => pod(of), isRight, ROOMY_MS);
  const untilStatus: PodCluster['untilStatus'] = async (of, what, isRight) =>
    firstOf(await untilPod(of, what, (one) => isRight(firstOf(one))));
  const execArgs = (of: string, script: string): string[] => {
    const [podName = '', container] = of.split('/');
    return ['exec', podName, ...(container ? ['-c', container] : []), '--', 'sh', '-c', script];
  };
  const text = readFileSync(join('test/e2e/manifests', manifest), 'utf8');
  try {
    await cluster.kubectlWith({ input: text.replaceAll('@DIR@', shared) }, 'apply', '-f', '-');
  } catch (error) {
    await cluster.down();
    throw error;
  }
  return {
    ...cluster,
    shared,
    kubelet: `kubelet-${name}-node-1`,
    pod,
    untilPod,
    untilStatus,
    status: async (of) => firstOf(await pod(of)),
    inside: async (of, script) => (await kubectl(...execArgs(of, script))).replace(/\n$/, ''),
    tryInside: (of, script) => tryKubectl({}, ...execArgs(of, script)),
    events: async (of) => {
      const about = `--field-selector=involvedObject.name=${of}`;
      return JSON.parse(await kubectl('get', 'events', about, '-o', 'json')).items;
    },
    async down() {
      await cluster.down();
      rmSync(shared, { recursive: true, force: true });
    },
  };
}

const NO_STATUS = { name: '', ready: false, restartCount: 0, image: '', imageID: '' };

const firstOf = ({ status }: Pod): ContainerStatus => status?.containerStatuses?.[0] ?? NO_STATUS;

export const isReady = ({ status }: Pod): boolean =>
  (status?.conditions ?? []).some((one) => one.type === 'Ready' && one.status === 'True');

/** The engine's id of a running container. */
export const engineIdOf = ({ containerID = '' }: ContainerStatus): string =>
  containerID.replace('docker://', '');
