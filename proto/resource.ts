// What every stored object carries, and how a kind is addressed.

import type { ListMeta, ObjectMeta } from './generated/meta.v1.ts';

export interface ApiObject {
  apiVersion?: string;
  kind?: string;
  metadata: ObjectMeta;
}

/** What a list call answers: items of one resource at one revision. */
export interface ObjectList<T extends ApiObject = ApiObject> {
  apiVersion?: string;
  kind?: string;
  metadata: ListMeta;
  items: T[];
}

/** A kind's identity: all that a client needs to address it. `T` exists for the compiler only. */
export interface Resource<T extends ApiObject = ApiObject> {
  /** '' for the core group. */
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  /** As in URLs: lower case, plural. */
  readonly plural: string;
  readonly singular: string;
  readonly namespaced: boolean;
  readonly shortNames: readonly string[];
  /** `all` makes `kubectl get all` list it. */
  readonly categories: readonly string[];
  /** Name of its message in the schema tables, e.g. `io.k8s.api.core.v1.Pod`. */
  readonly type: string;
  readonly object?: T;
}

/** `v1` or `apps/v1`. */
export const apiVersionOf = ({ group, version }: Pick<Resource, 'group' | 'version'>): string =>
  group === '' ? version : `${group}/${version}`;

/** `pods` or `deployments.apps`: how messages name a resource. */
export const qualifiedNameOf = ({ group, plural }: Pick<Resource, 'group' | 'plural'>): string =>
  group === '' ? plural : `${plural}.${group}`;
