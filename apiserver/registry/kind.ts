// A kind is a value: identity plus the few decisions that differ between kinds.
// Pruning, static defaults, merging and encoding come from the schema; storage, patches, deletion
// and watches from the registry. What is left is here, and every part of it is optional.

import type { Faults } from '../../machinery/validation.ts';
import type { ApiObject, Resource } from '../../proto/resource.ts';

/** One column of `kubectl get`. `wide` ones show with `-o wide` only. */
export interface Column<T extends ApiObject> {
  readonly name: string;
  readonly type?: 'string' | 'integer' | 'date';
  readonly wide?: true;
  readonly description?: string;
  value(object: T, nowMs: number): string | number;
}

/** Where the numbers of autoscaling/v1 Scale live in this kind. */
export interface ScalePaths<T extends ApiObject> {
  replicas(object: T): number;
  setReplicas(object: T, replicas: number): void;
  statusReplicas(object: T): number;
  /** The pods it counts, as a selector string. */
  selector(object: T): string;
}

/** A kind that is another version of a stored one: each of its objects is a view of a stored one. */
export interface View<T extends ApiObject> {
  readonly of: Pick<Resource, 'group' | 'version' | 'plural'>;
  /** Pure: shares nothing that it changes. Both keep what the other side cannot say. */
  toStored(object: T): ApiObject;
  fromStored(object: ApiObject): T;
  /** Fields of field selectors that the stored kind calls otherwise. */
  readonly fieldNames?: Readonly<Record<string, string>>;
}

export interface Kind<T extends ApiObject = ApiObject> {
  readonly resource: Resource<T>;
  /** Absent: objects are stored as they are. What is stored is the other kind's business. */
  readonly view?: View<T>;
  /** Fields a field selector may name, besides metadata.name and metadata.namespace. */
  readonly fields?: Readonly<Record<string, (object: T) => string>>;
  /** Columns between NAME and AGE; `columnsOf` in columns.ts answers the whole row. */
  readonly columns?: readonly Column<T>[];
  /** `columns` are the whole row: neither NAME nor AGE is added. */
  readonly hasAllColumns?: true;
  /** A status subresource exists, and spec and status are written through their own doors. */
  readonly hasStatus?: true;
  /** metadata.generation counts spec changes. */
  readonly hasGeneration?: true;
  readonly scale?: ScalePaths<T>;
  /** Other subresources by name, served by doors of their own: `log`, `exec`, `binding`... */
  readonly subresources?: readonly string[];
  /** Creating through PUT is allowed (upstream: Lease, Endpoints, Event, ...). */
  readonly createOnUpdate?: true;
  /** An update must name the resourceVersion that it replaces. */
  readonly needsVersion?: true;
  /** Seconds a delete waits by default; absent: objects vanish at once. */
  gracePeriod?(object: T): number;
  /** `propagationPolicy` where the client names none. Absent: Background. */
  readonly defaultPropagation?: 'Background' | 'Orphan' | 'Foreground';
  /** What holds a deleted object back besides metadata.finalizers. */
  finalizers?(object: T): readonly string[];
  /** Marks an object whose deletion waits, beyond its deletionTimestamp. */
  prepareDelete?(object: T): void;
  validName?(name: string): readonly string[];
  /** Computed defaults, after the schema's static ones. Runs on create, update and patch. */
  defaults?(object: T): void;
  /** Sets what only the server may set on create (and clears status, say). */
  prepareCreate?(object: T): void;
  /** Keeps what a spec update may not touch; `previous` is what is stored. */
  prepareUpdate?(object: T, previous: T): void;
  validate?(object: T, faults: Faults): void;
  /** Runs after `validate`; `previous` is what is stored now. */
  validateUpdate?(object: T, previous: T, faults: Faults): void;
  /** Instead of `validateUpdate` when the write came through the status door. */
  validateStatus?(object: T, previous: T, faults: Faults): void;
  /** Warnings for the client, as in the Warning header. */
  warnings?(object: T): readonly string[];
}

export const defineKind = <T extends ApiObject>(kind: Kind<T>): Kind<T> => Object.freeze(kind);

/** The kinds in one list: the registry never looks inside `T`, only hands objects back. */
export const eraseKind = <T extends ApiObject>(kind: Kind<T>): Kind => kind as unknown as Kind;
