// The admission plugins that are always on, in their order.

import type { Clock } from '../../machinery/clock.ts';
import type { Random } from '../../machinery/random.ts';
import type { ObjectReader } from '../authn/object-reader.ts';
import type { Lookup } from '../registry/lookup.ts';
import type { AdmissionPlugin } from './admission.ts';
import { certificateRequester } from './certificate-requester.ts';
import { defaultTolerations } from './default-tolerations.ts';
import { rbacEscalation } from './escalation.ts';
import { namespaceLifecycle } from './namespace-lifecycle.ts';
import { priorityAdmission } from './priority.ts';
import { serviceAccountAdmission } from './service-account.ts';

export interface AdmissionParts {
  readonly reader: ObjectReader;
  readonly lookup: Lookup;
  readonly random: Random;
  readonly clock: Clock;
}

export const defaultAdmission = (parts: AdmissionParts): readonly AdmissionPlugin[] => [
  namespaceLifecycle(parts.lookup),
  serviceAccountAdmission(parts),
  priorityAdmission(parts.lookup),
  defaultTolerations,
  certificateRequester,
  rbacEscalation(parts.reader),
];
