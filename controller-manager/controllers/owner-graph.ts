// Who depends on whom, across all resources: kept current by changes of metadata, asked by uid.
// Owners need no entry of their own: they are looked up where their reference points.

import type { ApiObject } from '../../proto/resource.ts';

/** Where a dependent is found again: the name of its resource and its key. */
export interface Dependent {
  readonly resource: string;
  readonly key: string;
  readonly blocks: boolean;
}

export class OwnerGraph {
  /** Owner's uid → dependent's uid → dependent. */
  readonly #dependents = new Map<string, Map<string, Dependent>>();

  set(place: Pick<Dependent, 'resource' | 'key'>, object: ApiObject, previous?: ApiObject): void {
    if (previous !== undefined) this.delete(previous);
    const { uid = '', ownerReferences = [] } = object.metadata;
    for (const owner of ownerReferences) {
      const dependents = this.#dependents.get(owner.uid) ?? new Map<string, Dependent>();
      dependents.set(uid, { ...place, blocks: owner.blockOwnerDeletion === true });
      this.#dependents.set(owner.uid, dependents);
    }
  }

  delete({ metadata: { uid = '', ownerReferences = [] } }: ApiObject): void {
    for (const owner of ownerReferences) {
      const dependents = this.#dependents.get(owner.uid);
      dependents?.delete(uid);
      if (dependents?.size === 0) this.#dependents.delete(owner.uid);
    }
  }

  dependentsOf(uid: string | undefined): readonly Dependent[] {
    return uid === undefined ? [] : [...(this.#dependents.get(uid)?.values() ?? [])];
  }
}
