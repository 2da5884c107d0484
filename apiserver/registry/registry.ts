// What the doors (REST, gRPC, in-process) may ask of the registry. The caller is authenticated and
// authorized by then; decoding of the wire format is the door's, everything behind it is here:
//
//   prune, default (400) → admission: mutate → validate (422) → admission: validate (403)
//     → store at the expected revision (409) → watch cache → watchers

import type { DeleteOptions, ListQuery, Patch, WatchQuery } from '../../machinery/transport.ts';
import type { ApiObject } from '../../proto/resource.ts';
import type { User } from '../authn/user.ts';
import type { Kind } from './kind.ts';

export interface Call {
  readonly user: User;
  readonly kind: Kind;
  readonly namespace?: string | undefined;
  readonly name?: string | undefined;
  readonly subresource?: string | undefined;
  readonly dryRun?: boolean | undefined;
  /** As the client named it. */
  readonly fieldManager?: string | undefined;
  /** Stands for the field manager where the client names none. */
  readonly userAgent?: string | undefined;
  /** What to do with unknown and duplicate fields; absent: Warn. */
  readonly fieldValidation?: 'Strict' | 'Warn' | 'Ignore' | undefined;
  /** Text for a Warning header; doors without one drop it. */
  readonly warn?: ((text: string) => void) | undefined;
  /** Throws Forbidden: a write may turn out to be another one than the door asked about. */
  readonly assertMay?: ((verb: 'create') => void) | undefined;
  /** An update or apply made a new object. */
  readonly onCreate?: (() => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** An object as it goes over the wire. `bytes` hold apiVersion, kind and resourceVersion. */
export interface Encoded {
  readonly bytes: Uint8Array;
  readonly revision: number;
  /** Parsed on first use and kept; shared: read only. */
  readonly object: ApiObject;
}

export interface Listing {
  readonly revision: number;
  readonly items: readonly Encoded[];
  readonly continue?: string;
  readonly remaining?: number;
}

export type EncodedEvent =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly item: Encoded }
  | { readonly type: 'BOOKMARK'; readonly revision: number; readonly initialEventsEnd: boolean };

/** `gone`: the object is no longer stored. Else it waits for grace or finalizers. */
export interface Deletion {
  readonly item: Encoded;
  readonly gone: boolean;
}

export interface Registry {
  readonly kinds: readonly Kind[];
  kindOf(group: string, version: string, plural: string): Kind | undefined;
  /** Subresources `status` and `scale` answer here, too. */
  get(call: Call, resourceVersion?: string): Promise<Encoded>;
  list(call: Call, query: ListQuery): Promise<Listing>;
  /**
   * Batches of events in order. Rejects with `Expired` when the revision is too old or the reader
   * fell behind; ends when aborted or timed out.
   */
  watch(call: Call, query: WatchQuery, signal: AbortSignal): AsyncIterable<readonly EncodedEvent[]>;
  /** `body` is the decoded JSON, owned by the registry from here on. */
  create(call: Call, body: unknown): Promise<Encoded>;
  update(call: Call, body: unknown): Promise<Encoded>;
  patch(call: Call, patch: Patch): Promise<Encoded>;
  delete(call: Call, options: DeleteOptions): Promise<Deletion>;
  deleteCollection(call: Call, query: ListQuery, options: DeleteOptions): Promise<Listing>;
  bind(call: Call, nodeName: string, uid?: string): Promise<void>;
}
