// One write as watchers see it. What a watcher is told depends on whether the object matched its
// selector before and after; the event itself is made once and shared by all who get it.
//
//   before  after
//     no     yes   ADDED
//     yes    yes   MODIFIED
//     yes    no    DELETED, with the last state that matched and the revision of this write

import { apiVersionOf, type Resource } from '../../proto/resource.ts';
import type { Encoded, EncodedEvent } from '../registry/registry.ts';
import { encodedOfWire, rerevised } from './encoding.ts';

export type ObjectEvent = Extract<EncodedEvent, { readonly item: Encoded }>;

export interface ChangeParts {
  /** `name` or `namespace/name`. */
  readonly key: string;
  readonly revision: number;
  /** Absent: there was none. */
  readonly before: Encoded | undefined;
  /** Absent: deleted. */
  readonly after: Encoded | undefined;
}

export class Change {
  readonly key: string;
  readonly revision: number;
  readonly before: Encoded | undefined;
  readonly after: Encoded | undefined;
  #added: ObjectEvent | undefined;
  #modified: ObjectEvent | undefined;
  #deleted: ObjectEvent | undefined;

  constructor({ key, revision, before, after }: ChangeParts) {
    this.key = key;
    this.revision = revision;
    this.before = before;
    this.after = after;
  }

  /** What it keeps in memory, about. */
  get bytes(): number {
    return (this.after ?? this.before)?.bytes.length ?? 0;
  }

  /** undefined: nothing that this selector can see has changed. */
  eventFor(matches: ((item: Encoded) => boolean) | undefined): ObjectEvent | undefined {
    const { before, after } = this;
    const did = before !== undefined && (matches === undefined || matches(before));
    const does = after !== undefined && (matches === undefined || matches(after));
    if (does && did) {
      this.#modified ??= { type: 'MODIFIED', item: after };
      return this.#modified;
    }
    if (does) {
      this.#added ??= { type: 'ADDED', item: after };
      return this.#added;
    }
    if (did) this.#deleted ??= { type: 'DELETED', item: this.#farewell(before) };
    return did ? this.#deleted : undefined;
  }

  #farewell(last: Encoded): Encoded {
    return encodedOfWire(rerevised(last.bytes, this.revision), this.revision);
  }
}

const FRAMES = new WeakMap<EncodedEvent, Buffer>();

/** A line of a REST watch. Made once an event, however many watchers it goes to. */
export function frameOf(event: EncodedEvent, resource: Resource): Buffer {
  const known = FRAMES.get(event);
  if (known !== undefined) return known;
  const frame = event.type === 'BOOKMARK' ? bookmarkFrame(event, resource) : objectFrame(event);
  FRAMES.set(event, frame);
  return frame;
}

function objectFrame({ type, item }: ObjectEvent): Buffer {
  const head = `{"type":"${type}","object":`;
  const frame = Buffer.allocUnsafeSlow(head.length + item.bytes.length + 2);
  frame.write(head, 'latin1');
  frame.set(item.bytes, head.length);
  frame.write('}\n', frame.length - 2, 'latin1');
  return frame;
}

function bookmarkFrame(
  { revision, initialEventsEnd }: Extract<EncodedEvent, { readonly type: 'BOOKMARK' }>,
  resource: Resource,
): Buffer {
  const object = {
    kind: resource.kind,
    apiVersion: apiVersionOf(resource),
    metadata: {
      resourceVersion: String(revision),
      creationTimestamp: null,
      ...(initialEventsEnd && { annotations: { 'k8s.io/initial-events-end': 'true' } }),
    },
  };
  return Buffer.from(`${JSON.stringify({ type: 'BOOKMARK', object })}\n`);
}
