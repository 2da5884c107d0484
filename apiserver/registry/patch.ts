// patch: the stored object, changed as the patch says, then on the way of every update.
// A patch that names no resourceVersion means whatever is stored, so a race starts it over. An
// apply has a way of its own.

import { StatusError } from '../../machinery/errors.ts';
import { applyPatch } from '../../machinery/patch/apply.ts';
import type { Patch } from '../../machinery/transport.ts';
import { SCHEMA } from '../../proto/generated/schema.ts';
import { applyObject } from './apply.ts';
import type { Context } from './context.ts';
import { decodeObject } from './decode.ts';
import { ownerless } from './owners.ts';
import type { Call, Encoded } from './registry.ts';
import { replaceObject } from './update.ts';

export async function patchObject(context: Context, call: Call, patch: Patch): Promise<Encoded> {
  if (patch.type === 'apply') return applyObject(context, call, patch);
  const { kind } = call;
  const decoder = context.decoderOf(kind.resource.type);
  return replaceObject(context, call, (current) => {
    // Owners make up half of an object, and few patches are about them.
    const object = isAboutOwners(patch) ? current.object : ownerless(current.object);
    const patched = applyPatch(SCHEMA, kind.resource.type, object, patch);
    return decodeObject(kind, decoder, patched, call);
  });
}

/** The body may be anything yet. */
function isAboutOwners({ type, body }: Patch): boolean {
  if (type !== 'json') {
    const { metadata } = (body ?? {}) as { readonly metadata?: unknown };
    return typeof metadata === 'object' && metadata !== null && 'managedFields' in metadata;
  }
  if (!Array.isArray(body)) return false;
  return body.some((operation: { path?: unknown; from?: unknown } | null) =>
    [operation?.path, operation?.from].some((path) => ABOUT_OWNERS.test(String(path ?? '/-'))),
  );
}

/** Pointers to the owners, or to something that they are in. */
const ABOUT_OWNERS = /^(?:\/metadata(?:\/managedFields(?:\/.*)?)?)?$/;

/** Views have no owners of their own. */
export function refuseApply({ type }: Patch): void {
  if (type !== 'apply') return;
  throw new StatusError(
    'UnsupportedMediaType',
    'the body of the request was in an unknown format - accepted media types include: ' +
      'application/json-patch+json, application/merge-patch+json, ' +
      'application/strategic-merge-patch+json',
  );
}
