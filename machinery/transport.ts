// The watchable API as every component sees it. The client library implements it over gRPC and
// over REST; the apiserver's in-process door implements it directly. One contract suite holds
// for all three (test/contracts/transport.ts).

import type { ApiObject, ObjectList, Resource } from '../proto/resource.ts';

/** Which object; `namespace` is absent for cluster-scoped resources. */
export interface At {
  readonly namespace?: string | undefined;
  readonly name: string;
}

export interface Selection {
  /** Absent: all namespaces. */
  readonly namespace?: string | undefined;
  /** As in URLs: `app=web,tier!=db`. */
  readonly labelSelector?: string | undefined;
  /** As in URLs: `spec.nodeName=node-1`. */
  readonly fieldSelector?: string | undefined;
}

export interface ListQuery extends Selection {
  readonly limit?: number | undefined;
  readonly continue?: string | undefined;
  readonly resourceVersion?: string | undefined;
  readonly resourceVersionMatch?: 'Exact' | 'NotOlderThan' | undefined;
}

export interface WatchQuery extends Selection {
  /** Events after this revision. Absent: start with the present state as ADDED events. */
  readonly resourceVersion?: string | undefined;
  /** First the present state as ADDED events, then a bookmark with `initialEventsEnd`. */
  readonly sendInitialEvents?: boolean | undefined;
  readonly allowBookmarks?: boolean | undefined;
  readonly timeoutSeconds?: number | undefined;
}

export type WatchEvent<T extends ApiObject = ApiObject> =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: T }
  | {
      readonly type: 'BOOKMARK';
      readonly resourceVersion: string;
      readonly initialEventsEnd: boolean;
    };

export interface WriteOptions {
  /** `status`, `binding`, `scale`, `token`, `eviction`, `finalize`. */
  readonly subresource?: string | undefined;
  readonly dryRun?: boolean | undefined;
  readonly fieldManager?: string | undefined;
}

export interface Patch {
  readonly type: 'json' | 'merge' | 'strategic' | 'apply';
  readonly body: unknown;
  /** Apply only: take fields from the managers that own them, instead of a Conflict. */
  readonly force?: boolean | undefined;
}

export interface DeleteOptions {
  readonly propagationPolicy?: 'Background' | 'Foreground' | 'Orphan' | undefined;
  readonly gracePeriodSeconds?: number | undefined;
  readonly preconditions?:
    | { readonly uid?: string | undefined; readonly resourceVersion?: string | undefined }
    | undefined;
  readonly dryRun?: boolean | undefined;
}

/**
 * Every method rejects with a `StatusError` when the API says no (`ServiceUnavailable` when it
 * cannot be reached), and with the signal's reason when aborted. Objects that come back carry
 * apiVersion, kind, uid and resourceVersion, and belong to the caller: they may be shared between
 * readers of one process, so nobody changes them (copy with `structuredClone` first).
 */
export interface Transport {
  get<T extends ApiObject>(resource: Resource<T>, at: At, signal?: AbortSignal): Promise<T>;
  list<T extends ApiObject>(
    resource: Resource<T>,
    query: ListQuery,
    signal?: AbortSignal,
  ): Promise<ObjectList<T>>;
  /**
   * Ends without error when the server closes the watch (its timeout); rejects with `Expired`
   * when the revision is too old or the reader too slow: list again then.
   */
  watch<T extends ApiObject>(
    resource: Resource<T>,
    query: WatchQuery,
    signal: AbortSignal,
  ): AsyncIterable<WatchEvent<T>>;
  /** `at` names the parent when `subresource` is given (a Binding of a pod, say). */
  create<T extends ApiObject, R = T>(
    resource: Resource<T>,
    object: R,
    options?: WriteOptions & { readonly at?: At },
  ): Promise<R>;
  update<T extends ApiObject>(resource: Resource<T>, object: T, options?: WriteOptions): Promise<T>;
  patch<T extends ApiObject>(
    resource: Resource<T>,
    at: At,
    patch: Patch,
    options?: WriteOptions,
  ): Promise<T>;
  delete<T extends ApiObject>(
    resource: Resource<T>,
    at: At,
    options?: DeleteOptions,
  ): Promise<void>;
  deleteCollection<T extends ApiObject>(
    resource: Resource<T>,
    query: Selection,
    options?: DeleteOptions,
  ): Promise<void>;
  /** Sets spec.nodeName of a pod, once. Conflict when it is bound already. */
  bind(pod: At & { readonly uid?: string | undefined }, nodeName: string): Promise<void>;
  close(): void;
}
