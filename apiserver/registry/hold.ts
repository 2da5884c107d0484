// Work beside the object itself that must be taken back when the write fails: cluster IPs and
// node ports of Services. Begun before the store is written, settled by what the store says.

import type { ApiObject } from '../../proto/resource.ts';

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

export const NOTHING_HELD: Hold = { commit() {}, revert() {} };
