// What every runtime promises the kubelet, checked against each of them.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type {
  Container,
  ContainerConfig,
  Runtime,
  RuntimeEvent,
  Sandbox,
  SandboxConfig,
} from '../../kubelet/runtime/runtime.ts';

export interface RuntimeUnderTest {
  readonly runtime: Runtime;
  /** A second runtime over the same engine, as after a restart; undefined where nothing lasts. */
  readonly reopen?: () => Promise<Runtime>;
  readonly image: string;
  close(): Promise<void>;
}

const podNamed = (name: string) => ({ uid: `uid-${name}`, name, namespace: 'contract' });

const sandboxConfig = (name: string, rest: Partial<SandboxConfig> = {}): SandboxConfig => ({
  pod: podNamed(name),
  attempt: 0,
  hostname: name,
  hasOwnHostname: false,
  isHostNetwork: false,
  isHostPid: false,
  isHostIpc: false,
  sharesProcesses: false,
  sysctls: {},
  hostPorts: [],
  ...rest,
});

export const containerConfig = (
  sandbox: Sandbox,
  image: string,
  rest: Partial<ContainerConfig> = {},
): ContainerConfig => ({
  pod: sandbox.pod,
  name: 'main',
  attempt: 0,
  image,
  command: ['sleep', '1000'],
  env: [],
  mounts: [],
  tty: false,
  stdin: false,
  stdinOnce: false,
  limits: {},
  security: {
    groups: [],
    isPrivileged: false,
    isReadOnlyRoot: false,
    forbidsNewPrivileges: false,
    addCapabilities: [],
    dropCapabilities: [],
    seccomp: 'default',
    unmasksProc: false,
  },
  hostname: sandbox.pod.name,
  terminationLog: '',
  isHostPid: false,
  isHostIpc: false,
  sharesProcesses: false,
  annotations: {},
  ...rest,
});

export interface Opened extends RuntimeUnderTest {
  startOne(name: string, rest?: Partial<ContainerConfig>): Promise<[Sandbox, Container]>;
  /** Resolves once the runtime tells of the pod. */
  told(podUid: string): Promise<RuntimeEvent>;
}

/** Runs the suite; `more` adds what only this runtime can do. */
export function runtimeContract(
  name: string,
  open: () => Promise<RuntimeUnderTest>,
  more: (opened: () => Opened) => void = () => {},
): void {
  describe(`runtime ${name}`, () => {
    const stop = new AbortController();
    const seen: RuntimeEvent[] = [];
    const waiters = new Set<() => void>();
    let under: RuntimeUnderTest;

    beforeAll(async () => {
      under = await open();
      await under.runtime.open();
      void (async () => {
        for await (const event of under.runtime.events(stop.signal)) {
          seen.push(event);
          for (const wake of waiters) wake();
        }
      })();
    });
    afterAll(async () => {
      stop.abort();
      await under.close();
    });

    const opened = (): Opened => ({ ...under, startOne, told });

    async function startOne(
      name: string,
      rest: Partial<ContainerConfig> = {},
    ): Promise<[Sandbox, Container]> {
      const { runtime, image } = under;
      const sandbox = await runtime.runSandbox(sandboxConfig(name));
      const config = containerConfig(sandbox, image, rest);
      const id = await runtime.createContainer(sandbox, config);
      return [sandbox, await runtime.startContainer(id)];
    }

    async function told(podUid: string): Promise<RuntimeEvent> {
      for (;;) {
        const event = seen.find((one) => one.type !== 'gap' && one.podUid === podUid);
        if (event) return event;
        await new Promise<void>((resolve) => waiters.add(resolve));
      }
    }

    test('a started container runs in its sandbox, which has an address', async () => {
      const [sandbox, container] = await startOne('runs');
      expect(sandbox).toMatchObject({ isRunning: true, attempt: 0, pod: podNamed('runs') });
      expect(sandbox.ip).toMatch(/^\d+\.\d+\.\d+\.\d+$/);
      expect(container).toMatchObject({
        name: 'main',
        state: 'running',
        attempt: 0,
        sandboxId: sandbox.id,
        pod: podNamed('runs'),
      });
      expect(await under.runtime.inspectContainer(container.id)).toEqual(container);
    });

    test('two sandboxes have two addresses', async () => {
      const [a, b] = await Promise.all(
        ['one', 'two'].map((name) => under.runtime.runSandbox(sandboxConfig(name))),
      );
      expect(a?.ip).not.toBe(b?.ip);
      expect(a?.id).not.toBe(b?.id);
    });

    test('the list shows what there is, and no longer what was removed', async () => {
      const [sandbox, container] = await startOne('listed');
      const ids = async () => {
        const { sandboxes, containers } = await under.runtime.list();
        return [...sandboxes, ...containers].map(({ id }) => id);
      };
      expect(await ids()).toEqual(expect.arrayContaining([sandbox.id, container.id]));
      await under.runtime.removeContainer(container.id);
      await under.runtime.removeSandbox(sandbox.id);
      expect(await ids()).not.toEqual(expect.arrayContaining([sandbox.id]));
      expect(await ids()).not.toEqual(expect.arrayContaining([container.id]));
      expect(await under.runtime.inspectContainer(container.id)).toBeUndefined();
      expect(await under.runtime.inspectSandbox(sandbox.id)).toBeUndefined();
    });

    test('a killed container is told of, with its exit code', async () => {
      const [, container] = await startOne('killed');
      await under.runtime.signalContainer(container.id, 'SIGKILL');
      await told('uid-killed');
      const after = await under.runtime.inspectContainer(container.id);
      expect(after).toMatchObject({ state: 'exited', exitCode: 137 });
      expect(after?.finishedAtMs).toBeGreaterThanOrEqual(container.startedAtMs ?? 0);
    });

    test('to signal or remove what is gone is fine', async () => {
      const [sandbox, container] = await startOne('gone');
      await under.runtime.removeContainer(container.id);
      await under.runtime.signalContainer(container.id, 'SIGTERM');
      await under.runtime.removeContainer(container.id);
      await under.runtime.removeSandbox(sandbox.id);
      await under.runtime.removeSandbox(sandbox.id);
    });

    test('a second run of a container stands beside the first', async () => {
      const [sandbox, first] = await startOne('again');
      await under.runtime.signalContainer(first.id, 'SIGKILL');
      await told('uid-again');
      const config = containerConfig(sandbox, under.image, { attempt: 1 });
      const id = await under.runtime.createContainer(sandbox, config);
      await under.runtime.startContainer(id);
      const { containers } = await under.runtime.list();
      const runs = containers.filter(({ pod }) => pod.uid === 'uid-again');
      const found = runs.map(({ attempt, state }) => `${attempt} ${state}`);
      expect(found.toSorted()).toEqual(['0 exited', '1 running']);
    });

    test('an image is found by its name', async () => {
      expect(await under.runtime.image(under.image)).toMatchObject({ id: expect.any(String) });
    });

    more(opened);
  });
}
