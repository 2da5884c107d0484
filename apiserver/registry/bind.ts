// Binding: spec.nodeName of a pod is set once, and with it the condition PodScheduled.

import { timestampOf } from '../../machinery/clock.ts';
import { badRequest, conflict } from '../../machinery/errors.ts';
import type { Pod, PodCondition } from '../../proto/generated/core.v1.ts';
import { BINDINGS } from '../../proto/generated/resources.ts';
import type { Resource } from '../../proto/resource.ts';
import { changeObject } from './change.ts';
import { type Context, targetOf } from './context.ts';
import { privateCopy } from './encode.ts';
import type { Call } from './registry.ts';

/** Upstream names the subresource in the refusal. */
const PODS_BINDING: Resource = { ...(BINDINGS as Resource), plural: 'pods/binding' };

export async function bindPod(
  context: Context,
  call: Call,
  { nodeName, uid }: { readonly nodeName: string; readonly uid?: string | undefined },
): Promise<void> {
  if (nodeName === '') throw badRequest('target.name: Required value');
  await changeObject(context, targetOf(call), (current) => {
    refuseBinding(current.object as Pod, uid);
    const pod = privateCopy(current) as Pod;
    pod.spec.nodeName = nodeName;
    setScheduled(pod, timestampOf(context.clock.now()));
    return { type: 'put', object: pod };
  });
}

function refuseBinding(pod: Pod, uid: string | undefined): void {
  const { name } = pod.metadata;
  if (uid && uid !== pod.metadata.uid) {
    const why = `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${pod.metadata.uid}`;
    throw conflict(PODS_BINDING, name, why);
  }
  if (pod.metadata.deletionTimestamp !== undefined) {
    throw conflict(
      PODS_BINDING,
      name,
      `pod ${name} is being deleted, cannot be assigned to a host`,
    );
  }
  if (pod.spec.nodeName) {
    const why = `pod ${name} is already assigned to node "${pod.spec.nodeName}"`;
    throw conflict(PODS_BINDING, name, why);
  }
  if (pod.spec.schedulingGates?.length) {
    throw conflict(PODS_BINDING, name, `pod ${name} has non-empty .spec.schedulingGates`);
  }
}

function setScheduled(pod: Pod, now: string): void {
  pod.status ??= { phase: 'Pending' };
  const scheduled: PodCondition = { type: 'PodScheduled', status: 'True', lastTransitionTime: now };
  const others = (pod.status.conditions ?? []).filter(({ type }) => type !== 'PodScheduled');
  pod.status.conditions = [...others, scheduled];
}
