// create: decode → defaults → admission: mutate → prepare → validate → admission: validate → put.

import { alreadyExists, badRequest, hasReason } from '../../machinery/errors.ts';
import { Faults } from '../../machinery/validation.ts';
import type { ApiObject, Resource } from '../../proto/resource.ts';
import { type AdmissionRequest, admitMutating, admitValidating } from '../admission/admission.ts';
import type { Context } from './context.ts';
import { decodeObject } from './decode.ts';
import { encodedOf, encodeObject, unstored } from './encode.ts';
import { NOTHING_HELD, settleFailed } from './hold.ts';
import { refuseFaults } from './invalid.ts';
import { storeKeyOf } from './keys.ts';
import type { Kind } from './kind.ts';
import { generatedName, prepareNewMetadata, validateMetadata } from './metadata.ts';
import { recordCreation, type Write } from './owners.ts';
import type { Call, Encoded } from './registry.ts';

/** Random names collide about once in 14 million; eight in a row mean that something is wrong. */
const NAME_ATTEMPTS_MAX = 8;

export async function createObject(context: Context, call: Call, body: unknown): Promise<Encoded> {
  const { kind } = call;
  const object = decodeObject(kind, context.decoderOf(kind.resource.type), body, call);
  placeInNamespace(object, call);
  return createDecoded(context, call, object);
}

/** `object` is the registry's own from here on. */
export async function createDecoded(
  context: Context,
  call: Write,
  object: ApiObject,
): Promise<Encoded> {
  const { metadata } = object;
  const isGenerated = !metadata.name && metadata.generateName !== undefined;
  if (metadata.resourceVersion) {
    throw badRequest('resourceVersion should not be set on objects to be created');
  }
  if (isGenerated) metadata.name = generatedName(metadata.generateName!, context.random);
  await admitNew(context, call, object);
  for (let attempt = 1; ; attempt++) {
    try {
      return await insert(context, call, object);
    } catch (error) {
      const isCollision = isGenerated && hasReason(error, 'AlreadyExists');
      if (!isCollision || attempt === NAME_ATTEMPTS_MAX) throw error;
      metadata.name = generatedName(metadata.generateName!, context.random);
    }
  }
}

function placeInNamespace({ metadata }: ApiObject, { kind, namespace }: Call): void {
  if (!kind.resource.namespaced) {
    delete metadata.namespace;
    return;
  }
  if (!namespace) throw badRequest('namespace must be provided');
  if (metadata.namespace && metadata.namespace !== namespace) throw namespaceMismatch();
  metadata.namespace = namespace;
}

export const namespaceMismatch = () =>
  badRequest(
    'the namespace of the provided object does not match the namespace sent on the request',
  );

async function admitNew(context: Context, call: Write, object: ApiObject): Promise<void> {
  const { kind } = call;
  const request: AdmissionRequest = {
    operation: 'CREATE',
    call,
    namespace: object.metadata.namespace,
    name: object.metadata.name ?? '',
    object,
    previous: undefined,
  };
  kind.defaults?.(object);
  // Before anybody else adds to it: what the server fills in must survive the client's next apply.
  recordCreation(context, call, object);
  await admitMutating(context.admission, request);
  prepareNewMetadata(object.metadata, kind, { nowMs: context.clock.now(), random: context.random });
  kind.prepareCreate?.(object);
  refuseFaults(kind.resource, object.metadata.name ?? '', faultsOf(context, kind, object));
  await admitValidating(context.admission, request);
  for (const text of kind.warnings?.(object) ?? []) call.warn?.(text);
}

export function faultsOf(context: Context, kind: Kind, object: ApiObject): Faults {
  const faults = new Faults();
  validateMetadata(object.metadata, kind, faults);
  context.checkOf(kind.resource.type)(object, faults);
  kind.validate?.(object, faults);
  return faults;
}

async function insert(context: Context, call: Call, object: ApiObject): Promise<Encoded> {
  const { resource } = call.kind;
  const { name, namespace } = object.metadata;
  const key = storeKeyOf(resource, namespace, name);
  const dryRun = call.dryRun === true;
  const hold = (await context.bookkeepingOf(resource)?.begin(object, undefined)) ?? NOTHING_HELD;
  try {
    if (dryRun) {
      if ((await context.store.get(key)) !== undefined) throw alreadyExists(resource, name);
      hold.revert();
      return unstored(object);
    }
    const item = await putNew(context, { resource, key }, object);
    hold.commit();
    return item;
  } catch (error) {
    settleFailed(hold, error);
    throw error;
  }
}

async function putNew(
  { store }: Context,
  { resource, key }: { readonly resource: Resource; readonly key: string },
  object: ApiObject,
): Promise<Encoded> {
  const value = encodeObject(object);
  const result = await store.put(key, value, { expectedRevision: 0 });
  if (!result.ok) throw alreadyExists(resource, object.metadata.name);
  return encodedOf(object, value, result.revision);
}
