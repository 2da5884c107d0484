// update and patch: both end in an object that the client wants in place of the stored one.
//
//   change loop { decode → doors (spec or status) → defaults → admission: mutate → validate
//     → admission: validate → put, or remove when the last finalizer went }

import { badRequest, conflict, hasReason } from '../../machinery/errors.ts';
import { Faults } from '../../machinery/validation.ts';
import type { ApiObject } from '../../proto/resource.ts';
import { type AdmissionRequest, admitMutating, admitValidating } from '../admission/admission.ts';
import { changeObject, type Decision } from './change.ts';
import { type Context, subresourceNotFound, targetOf } from './context.ts';
import { createDecoded, faultsOf, namespaceMismatch } from './create.ts';
import { decodeObject } from './decode.ts';
import { isReadyToGo } from './deletion.ts';
import { invalid, refuseFaults } from './invalid.ts';
import type { Kind } from './kind.ts';
import { isSpecChanged, prepareMetadataUpdate, validateMetadataUpdate } from './metadata.ts';
import { recordUpdate, type Write } from './owners.ts';
import type { Call, Encoded } from './registry.ts';

export async function updateObject(context: Context, call: Call, body: unknown): Promise<Encoded> {
  const { kind } = call;
  const decoded = decodeObject(kind, context.decoderOf(kind.resource.type), body, call);
  checkAddress(decoded, call);
  const { resourceVersion, uid } = decoded.metadata;
  // One that names its revision fits one state only, so it is never tried on a second one.
  const isPinned = resourceVersion !== undefined && resourceVersion !== '0';
  if (isPinned) return replaceObject(context, call, () => decoded);
  // Every attempt changes its object: later ones start from this text.
  const text = JSON.stringify(decoded);
  let spare: ApiObject | undefined = decoded;
  try {
    return await replaceObject(context, call, () => {
      const object = spare ?? (JSON.parse(text) as ApiObject);
      spare = undefined;
      return object;
    });
  } catch (error) {
    const mayCreate = kind.createOnUpdate && !call.subresource && !uid;
    if (!mayCreate || !hasReason(error, 'NotFound')) throw error;
    call.assertMay?.('create');
    const item = await createDecoded(context, call, JSON.parse(text) as ApiObject);
    call.onCreate?.();
    return item;
  }
}

/** `wanted` makes the object afresh for every attempt; it may look at what is stored. */
export async function replaceObject(
  context: Context,
  call: Write,
  wanted: (current: Encoded) => ApiObject,
): Promise<Encoded> {
  const { item, gone } = await changeObject(context, targetOf(call), (current) =>
    planReplacement(context, call, { object: wanted(current), current }),
  );
  if (gone && !call.dryRun) context.bookkeepingOf(call.kind.resource)?.released(item.object);
  return item;
}

async function planReplacement(
  context: Context,
  call: Write,
  { object, current }: { readonly object: ApiObject; readonly current: Encoded },
): Promise<Decision> {
  const { kind } = call;
  const previous = current.object;
  checkPreconditions(object, current, call);
  prepareMetadataUpdate(object.metadata, previous.metadata);
  passDoor(object, previous, call);
  const request: AdmissionRequest = {
    operation: 'UPDATE',
    call,
    namespace: previous.metadata.namespace,
    name: previous.metadata.name,
    object,
    previous,
  };
  await admitMutating(context.admission, request);
  recordUpdate(context, call, { object, previous });
  if (kind.hasGeneration && isSpecChanged(object, previous)) {
    object.metadata.generation = (previous.metadata.generation ?? 0) + 1;
  }
  const faults = updateFaults(context, call, { object, previous });
  refuseFaults(kind.resource, object.metadata.name, faults);
  await admitValidating(context.admission, request);
  for (const text of kind.warnings?.(object) ?? []) call.warn?.(text);
  if (isReadyToGo(kind, object, previous)) return { type: 'remove', object };
  const hold = await context.bookkeepingOf(kind.resource)?.begin(object, previous);
  return { type: 'put', object, ...(hold && { hold }) };
}

export function checkAddress({ metadata }: ApiObject, call: Call): void {
  metadata.name ||= call.name ?? '';
  if (metadata.name !== call.name) {
    throw badRequest(
      `the name of the object (${metadata.name}) does not match the name on the URL (${call.name})`,
    );
  }
  if (!call.kind.resource.namespaced) delete metadata.namespace;
  else {
    metadata.namespace ||= call.namespace ?? '';
    if (metadata.namespace !== call.namespace) throw namespaceMismatch();
  }
}

function checkPreconditions(object: ApiObject, current: Encoded, { kind }: Call): void {
  const { resource } = kind;
  const { resourceVersion, uid, name } = object.metadata;
  const stored = current.object.metadata;
  if (uid && uid !== stored.uid) {
    const why = `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${stored.uid}`;
    throw conflict(resource, name, why);
  }
  if (resourceVersion && resourceVersion !== '0') {
    if (!/^\d+$/.test(resourceVersion)) {
      throw badRequest(`invalid resource version "${resourceVersion}"`);
    }
    if (Number(resourceVersion) !== current.revision) throw conflict(resource, name);
  } else if (kind.needsVersion) {
    const why = 'Invalid value: 0: must be specified for an update';
    const field = 'metadata.resourceVersion';
    throw invalid(resource, name, [{ reason: 'FieldValueInvalid', field, message: why }]);
  }
}

/** Spec and status have doors of their own; each keeps what belongs to the other. */
function passDoor(object: ApiObject, previous: ApiObject, { kind, subresource }: Call): void {
  switch (subresource) {
    case undefined:
      if (kind.hasStatus) copyField(object, previous, 'status');
      kind.defaults?.(object);
      kind.prepareUpdate?.(object, previous);
      return;
    case 'status':
      if (!kind.hasStatus) throw subresourceNotFound();
      keepAllBut(object, previous, 'status');
      if (previous.metadata.ownerReferences) {
        object.metadata.ownerReferences = previous.metadata.ownerReferences;
      } else delete object.metadata.ownerReferences;
      return;
    case 'finalize':
      keepAllBut(object, previous, 'spec');
      return;
    default:
      throw subresourceNotFound();
  }
}

type Fields = Record<string, unknown>;

function copyField(object: ApiObject, previous: ApiObject, field: string): void {
  const value = (previous as unknown as Fields)[field];
  if (value === undefined) delete (object as unknown as Fields)[field];
  else (object as unknown as Fields)[field] = value;
}

function keepAllBut(object: ApiObject, previous: ApiObject, written: string): void {
  for (const field of new Set([...Object.keys(object), ...Object.keys(previous)])) {
    if (field !== 'metadata' && field !== written) copyField(object, previous, field);
  }
}

function updateFaults(
  context: Context,
  { kind, subresource }: Call,
  { object, previous }: { readonly object: ApiObject; readonly previous: ApiObject },
): Faults {
  // A status never makes a stored spec wrong: only what may have changed is looked at.
  const faults = subresource === undefined ? faultsOf(context, kind, object) : new Faults();
  validateMetadataUpdate(object.metadata, previous.metadata, faults);
  validateDoor(kind, subresource, { object, previous, faults });
  return faults;
}

function validateDoor(
  kind: Kind,
  subresource: string | undefined,
  at: { readonly object: ApiObject; readonly previous: ApiObject; readonly faults: Faults },
): void {
  if (subresource === undefined) kind.validateUpdate?.(at.object, at.previous, at.faults);
  if (subresource === 'status') kind.validateStatus?.(at.object, at.previous, at.faults);
}
