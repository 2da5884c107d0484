// Work beside the object itself that must be taken back when the write fails: cluster IPs and
// node ports of Services. Begun before the store is written, settled by what the store says.

import type { ApiObject } from '../../proto/resource.ts';
import { StoreUnavailableError } from '../store/store.ts';

export interface Hold {
  commit(): void;
  revert(): void;
}

/** One kind's bookkeeping. `begin…` may change `object` and throws a StatusError to refuse. */
export interface Bookkeeping {
  /** `previous` is absent on create. */
  begin(object: ApiObject, previous: ApiObject | undefined): Promise<Hold>;
  /** The object is gone from the store. */
  released(object: ApiObject): void;
}

/**
 * After an error: a store that cannot be reached may have written all the same, so what was taken
 * stays taken until the next start looks at what is stored.
 */
export function settleFailed(hold: Hold | undefined, error: unknown): void {
  if (!(error instanceof StoreUnavailableError)) hold?.revert();
}

export const NOTHING_HELD: Hold = { commit() {}, revert() {} };
