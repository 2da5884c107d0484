// What a kubelet sees, for tests: valid as it is; say only what the test is about.

import type { PodView } from '../kubelet/pods/view.ts';
import type { Container, PodRef, Sandbox } from '../kubelet/runtime/runtime.ts';
import type { Container as ContainerSpec, Pod, PodSpec } from '../proto/generated/core.v1.ts';
import { pod } from './builders.ts';

export const NOW_MS = 1_700_000_000_000;
export const NODE_IP = '10.244.1.1';
export const REF: PodRef = { uid: 'uid-1', name: 'web', namespace: 'default' };

export const webPod = (spec: Partial<PodSpec> = {}, rest: Partial<Pod> = {}): Pod => {
  const base = pod('web', { metadata: { uid: REF.uid }, spec });
  return { ...base, ...rest, metadata: { ...base.metadata, ...rest.metadata } };
};

export const containerSpec = (name: string, rest: Partial<ContainerSpec> = {}): ContainerSpec => ({
  name,
  image: 'wherry/busybox:1',
  ...rest,
});

export const sandbox = (rest: Partial<Sandbox> = {}): Sandbox => ({
  id: 'sandbox-0',
  pod: REF,
  attempt: 0,
  isRunning: true,
  ip: '10.244.1.2',
  createdAtMs: NOW_MS - 60_000,
  ...rest,
});

export const run = (name: string, rest: Partial<Container> = {}): Container => ({
  id: `${name}-${rest.attempt ?? 0}`,
  pod: REF,
  name,
  attempt: 0,
  sandboxId: 'sandbox-0',
  image: 'wherry/busybox:1',
  imageId: 'sha256:1',
  state: 'running',
  createdAtMs: NOW_MS - 60_000,
  startedAtMs: NOW_MS - 60_000,
  stopSignal: 'SIGTERM',
  terminationLog: '',
  isTty: false,
  ...rest,
});

export const ended = (name: string, exitCode: number, rest: Partial<Container> = {}): Container =>
  run(name, { state: 'exited', exitCode, finishedAtMs: NOW_MS - 1000, ...rest });

export const view = (rest: Partial<PodView> = {}): PodView => ({
  pod: webPod(),
  nowMs: NOW_MS,
  nodeIp: NODE_IP,
  lastIp: '',
  sandboxes: [sandbox()],
  containers: [],
  crashes: new Map(),
  waiting: new Map(),
  health: new Map(),
  endings: new Map(),
  greeting: new Set(),
  lastWords: new Map(),
  ...rest,
});
