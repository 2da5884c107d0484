// delete, deleteCollection: read → admission → plan (deletion.ts) → remove or mark.

import { conflict, hasReason } from '../../machinery/errors.ts';
import type { DeleteOptions, ListQuery } from '../../machinery/transport.ts';
import { admitValidating } from '../admission/admission.ts';
import { changeObject, type Decision } from './change.ts';
import { type Context, methodNotAllowed, targetOf } from './context.ts';
import { planDeletion } from './deletion.ts';
import { privateCopy } from './encode.ts';
import { listObjects } from './list.ts';
import type { Call, Deletion, Encoded, Listing } from './registry.ts';

/** Deletes of one collection under way at once: enough to fill a group commit. */
const COLLECTION_PARALLEL_MAX = 32;

export async function deleteObject(
  context: Context,
  call: Call,
  options: DeleteOptions,
): Promise<Deletion> {
  if (call.subresource !== undefined) throw methodNotAllowed(call);
  const dryRun = call.dryRun === true || options.dryRun === true;
  const target = { ...targetOf(call), dryRun };
  const outcome = await changeObject(context, target, (current) =>
    decide(context, call, { current, options }),
  );
  if (outcome.gone && !dryRun) {
    context.bookkeepingOf(call.kind.resource)?.released(outcome.item.object);
  }
  return outcome;
}

async function decide(
  context: Context,
  call: Call,
  { current, options }: { readonly current: Encoded; readonly options: DeleteOptions },
): Promise<Decision> {
  checkPreconditions(call, current, options);
  const previous = current.object;
  await admitValidating(context.admission, {
    operation: 'DELETE',
    call,
    namespace: previous.metadata.namespace,
    name: previous.metadata.name,
    object: undefined,
    previous,
  });
  const object = privateCopy(current);
  const nowMs = context.clock.now();
  const { type } = planDeletion(call.kind, object, { options, nowMs });
  if (type === 'keep') return { type };
  return { type: type === 'remove' ? 'remove' : 'put', object };
}

function checkPreconditions(
  { kind }: Call,
  { object, revision }: Encoded,
  { preconditions }: DeleteOptions,
): void {
  const { name, uid } = object.metadata;
  if (preconditions?.uid !== undefined && preconditions.uid !== uid) {
    const why = `Precondition failed: UID in precondition: ${preconditions.uid}, UID in object meta: ${uid}`;
    throw conflict(kind.resource, name, why);
  }
  const wanted = preconditions?.resourceVersion;
  if (wanted !== undefined && wanted !== String(revision)) {
    const why = `Precondition failed: ResourceVersion in precondition: ${wanted}, ResourceVersion in object meta: ${revision}`;
    throw conflict(kind.resource, name, why);
  }
}

export async function deleteCollection(
  context: Context,
  call: Call,
  query: ListQuery,
  options: DeleteOptions,
): Promise<Listing> {
  const listing = await listObjects(context, call, query);
  const queue = [...listing.items];
  const deleted: Encoded[] = [];
  const worker = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const { name, namespace } = next.object.metadata;
      try {
        deleted.push((await deleteObject(context, { ...call, name, namespace }, options)).item);
      } catch (error) {
        // Somebody else deleted it: what was wanted holds.
        if (!hasReason(error, 'NotFound')) throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: COLLECTION_PARALLEL_MAX }, worker));
  return { ...listing, items: deleted };
}
