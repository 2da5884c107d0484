// What controllers tell the users of an object, as `kubectl describe` shows it.

import type { ApiObject } from '../proto/resource.ts';

/** Never blocks, never throws; what cannot be delivered in time is dropped. */
export type RecordEvent = (
  about: ApiObject,
  type: 'Normal' | 'Warning',
  reason: string,
  message: string,
) => void;
