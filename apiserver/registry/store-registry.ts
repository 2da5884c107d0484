// The registry over a store and its watch caches: one verb a file, put together here.

import { objectShapes } from '../../machinery/apply/shape.ts';
import type { Clock } from '../../machinery/clock.ts';
import { badRequest } from '../../machinery/errors.ts';
import type { Log } from '../../machinery/log.ts';
import type { Random } from '../../machinery/random.ts';
import { schemaChecks } from '../../machinery/schema/check.ts';
import { schemaDecoders } from '../../machinery/schema/decode.ts';
import { SCHEMA } from '../../proto/generated/schema.ts';
import type { Resource } from '../../proto/resource.ts';
import type { AdmissionPlugin } from '../admission/admission.ts';
import { type Store, StoreUnavailableError } from '../store/store.ts';
import { bindPod } from './bind.ts';
import type { ObjectCaches } from './caches.ts';
import { type Context, methodNotAllowed, subresourceNotFound, unavailable } from './context.ts';
import { createObject } from './create.ts';
import { deleteCollection, deleteObject } from './delete.ts';
import type { Bookkeeping } from './hold.ts';
import type { Kind } from './kind.ts';
import { listObjects } from './list.ts';
import { patchObject } from './patch.ts';
import { getObject } from './read.ts';
import type { Call, Registry } from './registry.ts';
import { getScale, patchScale, updateScale } from './scale.ts';
import { createServiceBookkeeping, type NodePortRange } from './service-addresses.ts';
import { updateObject } from './update.ts';
import { withViews } from './views.ts';
import { watchObjects } from './watch.ts';

export interface RegistryParts {
  readonly store: Store;
  readonly hub: ObjectCaches;
  readonly kinds: readonly Kind[];
  readonly clock: Clock;
  readonly random: Random;
  readonly admission: readonly AdmissionPlugin[];
  /** IPv4, as `10.96.0.0/16`: cluster IPs of Services come from here. */
  readonly serviceCidr: string;
  readonly nodePortRange: NodePortRange;
  readonly log: Log;
}

export function createRegistry(parts: RegistryParts): Registry {
  const { kinds } = parts;
  const byName = new Map(kinds.map((kind) => [nameOf(kind.resource), kind]));
  const context = contextOf(parts);
  const stored: Registry = {
    kinds,
    kindOf: (group, version, plural) => byName.get(nameOf({ group, version, plural })),
    get: (call, resourceVersion) =>
      guarded(() =>
        call.subresource === 'scale'
          ? getScale(context, call, resourceVersion)
          : getObject(context, readable(call), resourceVersion),
      ),
    list: (call, query) => guarded(() => listObjects(context, call, query)),
    watch: (call, query, signal) => watchObjects(context, call, { query, signal }),
    create: (call, body) =>
      guarded(() => {
        if (call.subresource !== undefined) throw methodNotAllowed(call);
        return createObject(context, call, body);
      }),
    update: (call, body) =>
      guarded(() =>
        call.subresource === 'scale'
          ? updateScale(context, call, body)
          : updateObject(context, call, body),
      ),
    patch: (call, patch) =>
      guarded(() =>
        call.subresource === 'scale'
          ? patchScale(context, call, patch)
          : patchObject(context, call, patch),
      ),
    delete: (call, options) => guarded(() => deleteObject(context, call, options)),
    deleteCollection: (call, query, options) =>
      guarded(() => deleteCollection(context, call, query, options)),
    bind: (call, nodeName, uid) => guarded(() => bindPod(context, call, { nodeName, uid })),
  };
  return kinds.some(({ view }) => view !== undefined) ? withViews(stored, context) : stored;
}

function contextOf(parts: RegistryParts): Context {
  const books = new Map<string, Bookkeeping>([['Service', createServiceBookkeeping(parts)]]);
  return {
    ...parts,
    decoderOf: schemaDecoders(SCHEMA),
    checkOf: schemaChecks(SCHEMA),
    shapeOf: objectShapes(SCHEMA),
    bookkeepingOf: ({ group, kind }) => (group === '' ? books.get(kind) : undefined),
  };
}

const nameOf = ({ group, version, plural }: Pick<Resource, 'group' | 'version' | 'plural'>) =>
  `${group}/${version}/${plural}`;

function readable(call: Call): Call {
  if (call.subresource === undefined) return call;
  if (call.subresource === 'status' && call.kind.hasStatus) return call;
  throw subresourceNotFound();
}

/** What the store cannot do now is for the client to try again. */
async function guarded<R>(work: () => Promise<R>): Promise<R> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof StoreUnavailableError) throw unavailable(error);
    if (error instanceof RangeError && /call stack/i.test(error.message)) {
      throw badRequest('the body is nested too deeply', { cause: error });
    }
    throw error;
  }
}
