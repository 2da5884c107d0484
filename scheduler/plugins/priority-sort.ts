// Who is placed first: higher priority, then who has waited longer.

import type { QueueSortPlugin } from '../framework.ts';

export const prioritySort = {
  name: 'PrioritySort',

  less(a, b) {
    if (a.info.priority !== b.info.priority) return a.info.priority > b.info.priority;
    if (a.enqueuedMs !== b.enqueuedMs) return a.enqueuedMs < b.enqueuedMs;
    return a.sequence < b.sequence;
  },
} satisfies QueueSortPlugin;
