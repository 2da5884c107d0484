// The admission plugins that are always on, in their order.

import type { Random } from '../../machinery/random.ts';
import type { Lookup } from '../registry/lookup.ts';
import type { AdmissionPlugin } from './admission.ts';
import { defaultTolerations } from './default-tolerations.ts';
import { namespaceLifecycle } from './namespace-lifecycle.ts';
import { priorityAdmission } from './priority.ts';
import { serviceAccountAdmission } from './service-account.ts';

export const defaultAdmission = (lookup: Lookup, random: Random): readonly AdmissionPlugin[] => [
  namespaceLifecycle(lookup),
  serviceAccountAdmission(lookup, random),
  priorityAdmission(lookup),
  defaultTolerations,
];
