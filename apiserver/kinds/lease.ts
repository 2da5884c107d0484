// Lease: who holds something, and until when; heartbeats and leader elections.

import type { Lease } from '../../proto/generated/coordination.v1.ts';
import { LEASES } from '../../proto/generated/resources.ts';
import { defineKind } from '../registry/kind.ts';

export const leaseKind = defineKind<Lease>({
  resource: LEASES,
  createOnUpdate: true,
  needsVersion: true,
  columns: [{ name: 'Holder', value: ({ spec }) => spec?.holderIdentity ?? '' }],

  validate({ spec }, faults) {
    const { leaseDurationSeconds: duration, leaseTransitions: transitions } = spec ?? {};
    if (duration !== undefined && duration <= 0) {
      faults.invalid('spec.leaseDurationSeconds', duration, 'must be greater than 0');
    }
    if (transitions !== undefined && transitions < 0) {
      const why = 'must be greater than or equal to 0';
      faults.invalid('spec.leaseTransitions', transitions, why);
    }
  },
});
