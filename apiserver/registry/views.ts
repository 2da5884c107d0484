// Kinds that are views of stored ones (events.k8s.io of core events, say): on the way in, decoded
// as what they are and turned into what is stored; on the way out, turned back. Everything between
// is the stored kind's.

import { invariant } from '../../machinery/errors.ts';
import { escapeFieldValue, parseFieldSelector } from '../../machinery/fields.ts';
import { applyPatch } from '../../machinery/patch/apply.ts';
import type { Selection } from '../../machinery/transport.ts';
import { SCHEMA } from '../../proto/generated/schema.ts';
import type { ApiObject } from '../../proto/resource.ts';
import type { Context } from './context.ts';
import { decodeObject } from './decode.ts';
import type { Kind, View } from './kind.ts';
import { refuseApply } from './patch.ts';
import type { Call, Encoded, EncodedEvent, Registry } from './registry.ts';
import { replaceObject } from './update.ts';

export function withViews(stored: Registry, context: Context): Registry {
  /** The call as the stored kind takes it, and the way back. */
  const through = (call: Call, view: View<ApiObject>) => {
    const { group, version, plural } = view.of;
    const kind = stored.kindOf(group, version, plural);
    invariant(kind !== undefined, `${plural} is looked at but not stored`);
    const decoder = context.decoderOf(call.kind.resource.type);
    return {
      call: { ...call, kind },
      shown: (item: Encoded): Encoded => new Shown(item, call.kind, view),
      bodyOf: (body: unknown): ApiObject =>
        renamed(view.toStored(decodeObject(call.kind, decoder, body, call)), kind),
    };
  };

  return {
    ...stored,

    async get(call, resourceVersion) {
      const { view } = call.kind;
      if (!view) return stored.get(call, resourceVersion);
      const inner = through(call, view);
      return inner.shown(await stored.get(inner.call, resourceVersion));
    },

    async list(call, query) {
      const { view } = call.kind;
      if (!view) return stored.list(call, query);
      const inner = through(call, view);
      const listing = await stored.list(inner.call, { ...query, ...fieldsOf(view, query) });
      return { ...listing, items: listing.items.map(inner.shown) };
    },

    watch(call, query, signal) {
      const { view } = call.kind;
      if (!view) return stored.watch(call, query, signal);
      const inner = through(call, view);
      const events = stored.watch(inner.call, { ...query, ...fieldsOf(view, query) }, signal);
      return shownEvents(events, inner.shown);
    },

    async create(call, body) {
      const { view } = call.kind;
      if (!view) return stored.create(call, body);
      const inner = through(call, view);
      return inner.shown(await stored.create(inner.call, inner.bodyOf(body)));
    },

    async update(call, body) {
      const { view } = call.kind;
      if (!view) return stored.update(call, body);
      const inner = through(call, view);
      return inner.shown(await stored.update(inner.call, inner.bodyOf(body)));
    },

    async patch(call, patch) {
      const { view } = call.kind;
      if (!view) return stored.patch(call, patch);
      refuseApply(patch);
      const inner = through(call, view);
      const { type } = inner.call.kind.resource;
      const item = await replaceObject(context, inner.call, (current) => {
        const shown = inner.shown(current).object;
        const body = inner.bodyOf(applyPatch(SCHEMA, call.kind.resource.type, shown, patch));
        return decodeObject(inner.call.kind, context.decoderOf(type), body, {});
      });
      return inner.shown(item);
    },

    async delete(call, options) {
      const { view } = call.kind;
      if (!view) return stored.delete(call, options);
      const inner = through(call, view);
      const deletion = await stored.delete(inner.call, options);
      return { ...deletion, item: inner.shown(deletion.item) };
    },

    async deleteCollection(call, query, options) {
      const { view } = call.kind;
      if (!view) return stored.deleteCollection(call, query, options);
      const inner = through(call, view);
      const selection = { ...query, ...fieldsOf(view, query) };
      const listing = await stored.deleteCollection(inner.call, selection, options);
      return { ...listing, items: listing.items.map(inner.shown) };
    },
  };
}

/** A stored object as the view shows it; made when somebody looks. */
class Shown implements Encoded {
  readonly revision: number;
  readonly #item: Encoded;
  readonly #kind: Kind;
  readonly #view: View<ApiObject>;
  #object: ApiObject | undefined;
  #bytes: Uint8Array | undefined;

  constructor(item: Encoded, kind: Kind, view: View<ApiObject>) {
    this.revision = item.revision;
    this.#item = item;
    this.#kind = kind;
    this.#view = view;
  }

  get object(): ApiObject {
    this.#object ??= renamed(this.#view.fromStored(this.#item.object), this.#kind);
    return this.#object;
  }

  get bytes(): Uint8Array {
    this.#bytes ??= Buffer.from(JSON.stringify(this.object));
    return this.#bytes;
  }
}

function renamed(object: ApiObject, { resource }: Kind): ApiObject {
  const { group, version, kind } = resource;
  const { kind: _, apiVersion: __, ...rest } = object;
  return { kind, apiVersion: group === '' ? version : `${group}/${version}`, ...rest };
}

async function* shownEvents(
  batches: AsyncIterable<readonly EncodedEvent[]>,
  shown: (item: Encoded) => Encoded,
): AsyncGenerator<readonly EncodedEvent[]> {
  for await (const batch of batches) {
    yield batch.map((event) =>
      event.type === 'BOOKMARK' ? event : { ...event, item: shown(event.item) },
    );
  }
}

function fieldsOf(
  { fieldNames }: View<ApiObject>,
  { fieldSelector }: Selection,
): Pick<Selection, 'fieldSelector'> {
  if (!fieldSelector || !fieldNames) return {};
  const terms = parseFieldSelector(fieldSelector).requirements.map(({ field, isEqual, value }) => {
    const name = Object.hasOwn(fieldNames, field) ? fieldNames[field] : field;
    return `${name}${isEqual ? '=' : '!='}${escapeFieldValue(value)}`;
  });
  return { fieldSelector: terms.join(',') };
}
