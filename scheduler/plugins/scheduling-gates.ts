// A pod with scheduling gates is not ready to be placed: whoever set them opens them.

import { type PreEnqueuePlugin, refuse } from '../framework.ts';

const GATED = refuse('Scheduling is blocked due to non-empty scheduling gates');

export const schedulingGates = {
  name: 'SchedulingGates',

  preEnqueue: ({ pod: { spec } }) => ((spec.schedulingGates?.length ?? 0) > 0 ? GATED : undefined),
} satisfies PreEnqueuePlugin;
