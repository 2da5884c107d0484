// Starts one container of a pod: image, environment, mounts, create, start. Whatever is missing
// becomes the reason why the container waits, in the words that kubectl users know.

import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Container as ContainerSpec, Pod } from '../../proto/generated/core.v1.ts';
import { envOf } from '../env/env.ts';
import type { ImageAnswer } from '../images.ts';
import type { Container, ContainerConfig, Mount, Sandbox } from '../runtime/runtime.ts';
import { VolumeError } from '../volumes/volumes.ts';
import { nextBackOff } from './back-off.ts';
import { containerConfigOf, rootRefusal } from './container-config.ts';
import { runHook } from './hooks.ts';
import { hostnameOf } from './hostname.ts';
import { type PodParts, selfKnowledgeOf } from './parts.ts';
import type { Start } from './plan.ts';
import { etcMountsOf } from './prepare.ts';
import type { PodRecord } from './record.ts';
import type { Waiting } from './view.ts';

const RETRY_MS = 10_000; // What is missing may come without our being told.
const TERMINATION_PATH = '/dev/termination-log';

interface Scope {
  readonly parts: PodParts;
  readonly record: PodRecord;
  readonly pod: Pod;
  readonly sandbox: Sandbox;
}

/** Answers whether a container was started; if not, the record says why it waits. */
export async function startContainer(scope: Scope, start: Start): Promise<boolean> {
  const { parts, record, pod } = scope;
  const { spec } = start;
  const answer = await parts.images.ensure({
    podUid: record.ref.uid,
    spec,
    attempt: start.attempt,
  });
  tellOfImage(scope, spec, answer);
  if (answer.type === 'pulling') {
    record.waiting.delete(spec.name);
    return false;
  }
  if (answer.type === 'refused') {
    const { retryAtMs } = answer;
    const delayMs = retryAtMs === undefined ? RETRY_MS : retryAtMs - parts.clock.now();
    return hold(scope, spec, { waiting: answer.waiting, delayMs });
  }
  const refusal = rootRefusal(pod, spec, answer.image);
  if (refusal) return hold(scope, spec, { waiting: refusal, delayMs: RETRY_MS });
  const config = await configOf(scope, start);
  if ('reason' in config) return hold(scope, spec, { waiting: config, delayMs: RETRY_MS });
  return launch(scope, start, config);
}

function tellOfImage({ parts, pod }: Scope, spec: ContainerSpec, answer: ImageAnswer): void {
  const about = { pod, container: spec.name };
  const { events } = parts;
  if (answer.type === 'present') {
    const message = answer.wasPulled
      ? `Successfully pulled image "${spec.image}"`
      : `Container image "${spec.image}" already present on machine`;
    events.normal(about, 'Pulled', message);
  } else if (answer.type === 'pulling') {
    if (answer.isNew) events.normal(about, 'Pulling', `Pulling image "${spec.image}"`);
  } else {
    const { reason, message = '' } = answer.waiting;
    if (reason === 'ImagePullBackOff') {
      events.normal(about, 'BackOff', `Back-off pulling image "${spec.image}"`);
    } else {
      const event = reason === 'ErrImageNeverPull' || reason === 'InvalidImageName';
      const text = message.charAt(0).toUpperCase() + message.slice(1);
      events.warning(about, event ? reasonOfRefusal(reason) : 'Failed', text);
    }
    events.warning(about, 'Failed', `Error: ${reason}`);
  }
}

const reasonOfRefusal = (reason: string): string =>
  reason === 'InvalidImageName' ? 'InspectFailed' : reason;

function hold(
  { parts, record, pod }: Scope,
  spec: ContainerSpec,
  { waiting, delayMs }: { readonly waiting: Waiting; readonly delayMs: number },
): false {
  record.waiting.set(spec.name, waiting);
  parts.wake(record.ref.uid, Math.max(delayMs, 0));
  if (!waiting.reason.includes('Image')) {
    const message = `Error: ${waiting.message ?? waiting.reason}`;
    parts.events.warning({ pod, container: spec.name }, 'Failed', message);
  }
  return false;
}

async function configOf(
  { parts, record, pod, sandbox }: Scope,
  { spec, attempt }: Start,
): Promise<ContainerConfig | Waiting> {
  const hostname = hostnameOf(pod, parts.dns.clusterDomain);
  if (parts.runtime.isSimulated) {
    const nothing = { env: new Map<string, string>(), mounts: [], terminationLog: '' };
    return containerConfigOf(pod, spec, { ...nothing, attempt, hostname });
  }
  const podIp = pod.spec.hostNetwork ? parts.runtime.nodeIp : sandbox.ip;
  const self = selfKnowledgeOf(parts, pod, podIp);
  const objects = parts.sources.objects(record.ref.namespace);
  const answer = envOf(spec, { ...self, objects, services: parts.services.list() });
  if (!answer.isOk) return { reason: 'CreateContainerConfigError', message: answer.why };
  const terminationLog = await makeTerminationLog(parts, record, { spec, attempt });
  let own: readonly Mount[];
  try {
    own = await parts.volumes.mountsOf(self, spec, answer.env);
  } catch (error) {
    if (!(error instanceof VolumeError)) throw error;
    return { reason: 'CreateContainerConfigError', message: error.message };
  }
  return containerConfigOf(pod, spec, {
    env: answer.env,
    attempt,
    hostname,
    terminationLog,
    mounts: [
      ...own,
      ...etcMountsOf(parts, pod, own),
      {
        hostPath: terminationLog,
        containerPath: spec.terminationMessagePath || TERMINATION_PATH,
        isReadOnly: false,
      },
    ],
  });
}

/** A file of the node that the container writes its last words to. */
async function makeTerminationLog(
  parts: PodParts,
  { ref }: PodRecord,
  { spec, attempt }: { readonly spec: ContainerSpec; readonly attempt: number },
): Promise<string> {
  const path = join(parts.volumes.folderOf(ref.uid), 'containers', spec.name, `${attempt}.log`);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, '', { mode: 0o666, flag: 'a' });
  return path;
}

async function launch(scope: Scope, start: Start, config: ContainerConfig): Promise<boolean> {
  const { parts, record, pod, sandbox } = scope;
  const { runtime, events, clock } = parts;
  const { spec } = start;
  const about = { pod, container: spec.name };
  if (start.endedMs !== undefined) {
    const before = record.crashes.get(spec.name);
    record.crashes.set(spec.name, nextBackOff(before, start.endedMs, clock.now()));
  }
  return parts.starts.pass(async () => {
    let id: string;
    try {
      id = await runtime.createContainer(sandbox, config);
    } catch (error) {
      await lookAtSandbox(scope);
      const waiting = { reason: 'CreateContainerError', message: textOf(error) };
      return hold(scope, spec, { waiting, delayMs: RETRY_MS });
    }
    events.normal(about, 'Created', `Created container: ${spec.name}`);
    try {
      if (spec.lifecycle?.postStart) record.greeting.add(id); // Events may tell of it before us.
      const container = await runtime.startContainer(id);
      record.addContainer(container);
      record.waiting.delete(spec.name);
      events.normal(about, 'Started', `Started container ${spec.name}`);
      if (spec.lifecycle?.postStart) void afterStart(scope, spec, container);
      return true;
    } catch (error) {
      record.greeting.delete(id);
      const failed = await runtime.inspectContainer(id);
      const message = textOf(error);
      if (failed) record.addContainer({ ...failed, error: failed.error ?? message });
      return hold(scope, spec, { waiting: { reason: 'RunContainerError', message }, delayMs: 0 });
    }
  });
}

/** One may have died without our hearing of it; the pod then needs another, at once. */
async function lookAtSandbox({ parts, record, sandbox }: Scope): Promise<void> {
  const found = await parts.runtime.inspectSandbox(sandbox.id);
  if (found?.isRunning) return;
  if (found) record.sandboxes.set(found.id, found);
  else record.sandboxes.delete(sandbox.id);
  parts.wake(record.ref.uid);
}

/** The engine's words, from the client's error. */
function textOf(error: unknown): string {
  const said = (error as { json?: { message?: unknown } } | undefined)?.json?.message;
  if (typeof said === 'string') return said;
  return error instanceof Error ? error.message : String(error);
}

async function afterStart(
  { parts, record, pod }: Scope,
  spec: ContainerSpec,
  container: Container,
): Promise<void> {
  const hook = spec.lifecycle?.postStart;
  if (!hook) return;
  try {
    const podIp = record.ipOf(container, parts.runtime.nodeIp);
    await runHook(parts, hook, { spec, container, podIp });
  } catch (error) {
    const about = { pod, container: spec.name };
    parts.events.warning(about, 'FailedPostStartHook', `PostStartHook failed: ${textOf(error)}`);
    record.health.set(container.id, {
      isStarted: false,
      isReady: false,
      failure: 'FailedPostStartHook',
    });
  }
  record.greeting.delete(container.id);
  parts.wake(record.ref.uid);
}
