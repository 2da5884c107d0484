// Writes a pod's status when it differs from what the API holds. What the answer brings becomes
// the newest known state, so the next look sees this write even if the watch lags behind.

import { deepEqual } from '../../machinery/equality.ts';
import type { Transport } from '../../machinery/transport.ts';
import type { PodCondition, PodStatus } from '../../proto/generated/core.v1.ts';
import { PODS } from '../../proto/generated/resources.ts';
import type { PodRecord } from './record.ts';

export async function report(
  transport: Transport,
  record: PodRecord,
  status: PodStatus,
): Promise<void> {
  const { pod, ref } = record;
  if (!pod || isTold(pod.status ?? {}, status)) return;
  const body = { metadata: { uid: ref.uid }, status: patchOf(status) };
  const at = { namespace: ref.namespace, name: ref.name };
  const patch = { type: 'strategic', body } as const;
  record.see(await transport.patch(PODS, at, patch, { subresource: 'status' }));
}

/** Conditions of others stand beside ours and stay as they are. */
export function isTold(told: PodStatus, status: PodStatus): boolean {
  const { conditions = [], ...rest } = status;
  const isSame = Object.entries(rest).every(([key, value]) =>
    deepEqual(told[key as keyof PodStatus], value),
  );
  return isSame && conditions.every((mine) => hasCondition(told.conditions ?? [], mine));
}

function hasCondition(told: readonly PodCondition[], mine: PodCondition): boolean {
  const other = told.find(({ type }) => type === mine.type);
  return (
    other !== undefined &&
    other.status === mine.status &&
    (other.reason ?? '') === (mine.reason ?? '') &&
    (other.message ?? '') === (mine.message ?? '')
  );
}

/** Lists that merge by key would keep addresses of former sandboxes: replace them whole. */
function patchOf(status: PodStatus): unknown {
  const { podIPs, hostIPs, ...rest } = status;
  return {
    ...rest,
    ...(podIPs && { podIPs: [...podIPs, { $patch: 'replace' }] }),
    ...(hostIPs && { hostIPs: [...hostIPs, { $patch: 'replace' }] }),
    conditions: (status.conditions ?? []).map((condition) => ({
      ...condition,
      // A reason that is gone must not stay behind in a merge.
      reason: condition.reason ?? null,
      message: condition.message ?? null,
    })),
  };
}
