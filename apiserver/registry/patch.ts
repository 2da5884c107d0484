// patch: the stored object, changed as the patch says, then on the way of every update.
// A patch that names no resourceVersion means whatever is stored, so a race starts it over.

import { StatusError } from '../../machinery/errors.ts';
import { applyPatch } from '../../machinery/patch/apply.ts';
import type { Patch } from '../../machinery/transport.ts';
import { SCHEMA } from '../../proto/generated/schema.ts';
import type { Context } from './context.ts';
import { decodeObject } from './decode.ts';
import type { Call, Encoded } from './registry.ts';
import { replaceObject } from './update.ts';

export async function patchObject(context: Context, call: Call, patch: Patch): Promise<Encoded> {
  refuseApply(patch);
  const { kind } = call;
  const decoder = context.decoderOf(kind.resource.type);
  return replaceObject(context, call, (current) => {
    const patched = applyPatch(SCHEMA, kind.resource.type, current.object, patch);
    return decodeObject(kind, decoder, patched, call);
  });
}

/** Server-side apply needs to know who owns which field; nothing here does yet. */
export function refuseApply({ type }: Patch): void {
  if (type !== 'apply') return;
  throw new StatusError(
    'UnsupportedMediaType',
    'the body of the request was in an unknown format - accepted media types include: ' +
      'application/json-patch+json, application/merge-patch+json, ' +
      'application/strategic-merge-patch+json',
  );
}
