// A pod's priority is a number; users name a class. The server looks the number up.

import { forbidden } from '../../machinery/errors.ts';
import type { Pod } from '../../proto/generated/core.v1.ts';
import { PODS, PRIORITY_CLASSES } from '../../proto/generated/resources.ts';
import type { PriorityClass } from '../../proto/generated/scheduling.v1.ts';
import type { Lookup } from '../registry/lookup.ts';
import { SYSTEM_PRIORITIES } from '../registry/system-priorities.ts';
import { type AdmissionPlugin, isResource } from './admission.ts';

interface Priority {
  readonly name?: string | undefined;
  readonly value: number;
  readonly preemptionPolicy: 'PreemptLowerPriority' | 'Never';
}

export const priorityAdmission = (lookup: Lookup): AdmissionPlugin => ({
  name: 'Priority',

  mutate(request) {
    if (request.operation !== 'CREATE' || !isResource(request, 'pods')) return;
    const pod = request.object as Pod;
    const known = knownPriority(pod, lookup);
    if (known !== undefined) return setPriority(pod, known);
    // It may have been made a moment ago.
    const name = pod.spec.priorityClassName!;
    return lookup.read(PRIORITY_CLASSES, { name }).then((found) => {
      if (found === undefined) {
        throw forbidden(PODS, request.name, `no PriorityClass with name ${name} was found`);
      }
      setPriority(pod, priorityIn(found));
    });
  },
});

function setPriority({ metadata, spec }: Pod, { value, name, preemptionPolicy }: Priority): void {
  if (spec.priority !== undefined && spec.priority !== value) {
    const why =
      `the integer value of priority (${spec.priority}) must not be provided in pod spec; ` +
      `priority admission controller computed ${value} from the given PriorityClass name`;
    throw forbidden(PODS, metadata.name, why);
  }
  spec.priority = value;
  if (name !== undefined) spec.priorityClassName = name;
  spec.preemptionPolicy ??= preemptionPolicy;
}

function knownPriority({ spec }: Pod, lookup: Lookup): Priority | undefined {
  const name = spec.priorityClassName;
  if (!name) return defaultPriority(lookup);
  if (Object.hasOwn(SYSTEM_PRIORITIES, name)) {
    return { value: SYSTEM_PRIORITIES[name]!, preemptionPolicy: 'PreemptLowerPriority' };
  }
  const found = lookup.find(PRIORITY_CLASSES, { name });
  return found && priorityIn(found);
}

/** The lowest of the classes that call themselves the default, as upstream has it. */
function defaultPriority(lookup: Lookup): Priority {
  let found: PriorityClass | undefined;
  for (const one of lookup.all(PRIORITY_CLASSES)) {
    if (one.globalDefault && (found === undefined || (one.value ?? 0) < (found.value ?? 0)))
      found = one;
  }
  return found
    ? { ...priorityIn(found), name: found.metadata.name }
    : { value: 0, preemptionPolicy: 'PreemptLowerPriority' };
}

const priorityIn = ({ value, preemptionPolicy }: PriorityClass): Priority => ({
  value: value ?? 0,
  preemptionPolicy: preemptionPolicy === 'Never' ? 'Never' : 'PreemptLowerPriority',
});
