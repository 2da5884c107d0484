// A pod's spec hardly changes once it is made: images, a deadline, more tolerations.

import { deepEqual } from '../../machinery/equality.ts';
import type { Faults } from '../../machinery/validation.ts';
import type { Container, Pod, PodSpec, Toleration } from '../../proto/generated/core.v1.ts';

const ALLOWED =
  'pod updates may not change fields other than `spec.containers[*].image`,' +
  '`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,' +
  '`spec.tolerations` (only additions to existing tolerations),' +
  '`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)';

export function validatePodUpdate(pod: Pod, previous: Pod, faults: Faults): void {
  if (deepEqual(pod.spec, previous.spec)) return;
  validateDeadline(pod.spec, previous.spec, faults);
  validateTolerations(pod.spec, previous.spec, faults);
  for (const list of ['containers', 'initContainers'] as const) {
    if ((pod.spec[list] ?? []).length !== (previous.spec[list] ?? []).length) {
      faults.forbidden(`spec.${list}`, 'pod updates may not add or remove containers');
      return;
    }
  }
  validateGates(pod.spec, previous.spec, faults);
  if (!deepEqual(withoutChangeable(pod.spec, previous.spec), previous.spec)) {
    faults.forbidden('spec', ALLOWED);
  }
}

/** The new spec with everything that may change as it was before. */
function withoutChangeable(spec: PodSpec, previous: PodSpec): PodSpec {
  const isGated = (previous.schedulingGates?.length ?? 0) > 0;
  const back: Record<string, unknown> = {
    ...spec,
    containers: withImagesOf(spec.containers, previous.containers),
    activeDeadlineSeconds: previous.activeDeadlineSeconds,
    tolerations: previous.tolerations,
    schedulingGates: previous.schedulingGates,
  };
  if (spec.initContainers) {
    back.initContainers = withImagesOf(spec.initContainers, previous.initContainers ?? []);
  }
  // While a gate holds the pod back, where it may go can still be narrowed.
  if (isGated) {
    back.nodeSelector = previous.nodeSelector;
    back.affinity = previous.affinity;
  }
  return back as unknown as PodSpec;
}

const withImagesOf = (
  containers: readonly Container[],
  previous: readonly Container[],
): readonly Container[] =>
  containers.map((one, index) => ({ ...one, image: previous[index]?.image ?? '' }));

function validateDeadline(spec: PodSpec, previous: PodSpec, faults: Faults): void {
  const { activeDeadlineSeconds: now } = spec;
  const { activeDeadlineSeconds: before } = previous;
  if (before === undefined || now === before) return;
  const field = 'spec.activeDeadlineSeconds';
  if (now === undefined)
    faults.invalid(field, now, 'must not update from a positive integer to nil value');
  else if (now > before) faults.invalid(field, now, 'must be less than or equal to previous value');
}

function validateTolerations(spec: PodSpec, previous: PodSpec, faults: Faults): void {
  const now = spec.tolerations ?? [];
  // Only tolerationSeconds of an existing one may change.
  const isKept = (before: Toleration) =>
    now.some((one) =>
      deepEqual(
        { ...one, tolerationSeconds: undefined },
        { ...before, tolerationSeconds: undefined },
      ),
    );
  if ((previous.tolerations ?? []).every(isKept)) return;
  faults.forbidden(
    'spec.tolerations',
    'existing toleration can not be modified except its tolerationSeconds',
  );
}

function validateGates(spec: PodSpec, previous: PodSpec, faults: Faults): void {
  const before = new Set((previous.schedulingGates ?? []).map(({ name }) => name));
  for (const { name } of spec.schedulingGates ?? []) {
    if (before.has(name)) continue;
    const why = `only deletion is allowed, but found new scheduling gate '${name}'`;
    faults.forbidden('spec.schedulingGates', why);
  }
}
