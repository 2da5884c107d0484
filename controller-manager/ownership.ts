// Which objects belong to a controller: those whose controller reference names it and whose
// labels match. Orphans that match are adopted, objects that no longer match are released.

import { hasReason } from '../machinery/errors.ts';
import type { Selector } from '../machinery/labels.ts';
import { controllerOf, isDeleting } from '../machinery/object.ts';
import type { Transport } from '../machinery/transport.ts';
import type { OwnerReference } from '../proto/generated/meta.v1.ts';
import { type ApiObject, apiVersionOf, type Resource } from '../proto/resource.ts';

/** Index of informers: objects by the uid of their controller, orphans by their namespace. */
export const BY_CONTROLLER = 'controller';

export interface Claim<T extends ApiObject> {
  readonly mine: readonly T[];
  readonly adopt: readonly T[];
  readonly release: readonly T[];
}

export interface ClaimRequest<O extends ApiObject, T extends ApiObject> {
  readonly transport: Transport;
  readonly ownerResource: Resource<O>;
  readonly owner: O;
  readonly resource: Resource<T>;
  readonly selector: Selector;
  readonly candidates: readonly T[];
}

export const controllerIndex = (object: ApiObject): readonly string[] => {
  const owner = controllerOf(object);
  return [owner === undefined ? orphansOf(object.metadata.namespace) : owner.uid];
};

/** Where the index files the orphans of a namespace; no uid contains a slash. */
export const orphansOf = (namespace: string | undefined): string => `orphans/${namespace ?? ''}`;

export const controllerReference = (resource: Resource, owner: ApiObject): OwnerReference => ({
  apiVersion: apiVersionOf(resource),
  kind: resource.kind,
  name: owner.metadata.name,
  uid: owner.metadata.uid ?? '',
  controller: true,
  blockOwnerDeletion: true,
});

export function planClaim<T extends ApiObject>(
  owner: ApiObject,
  selector: Selector,
  candidates: readonly T[],
): Claim<T> {
  const mine: T[] = [];
  const adopt: T[] = [];
  const release: T[] = [];
  for (const object of candidates) {
    const controller = controllerOf(object);
    const isMatch = selector.matches(object.metadata.labels);
    if (controller === undefined) {
      if (isMatch && !isDeleting(owner) && !isDeleting(object)) adopt.push(object);
    } else if (controller.uid === owner.metadata.uid) {
      if (isMatch) mine.push(object);
      else if (!isDeleting(owner)) release.push(object);
    }
  }
  return { mine, adopt, release };
}

/** Plans and carries out; answers what is owned now, as it is known now. */
export async function claim<O extends ApiObject, T extends ApiObject>(
  request: ClaimRequest<O, T>,
): Promise<readonly T[]> {
  const { owner, selector, candidates } = request;
  const { mine, adopt, release } = planClaim(owner, selector, candidates);
  if (adopt.length === 0 && release.length === 0) return mine;
  const adopted = adopt.length > 0 && (await isStillThere(request)) ? adopt : [];
  const [taken] = await Promise.all([
    Promise.all(adopted.map((object) => adoptOne(request, object))),
    Promise.all(release.map((object) => releaseOne(request, object))),
  ]);
  return [...mine, ...taken.filter((object) => object !== undefined)];
}

/** The cache may be late: an owner that was deleted, or made anew by name, must not adopt. */
async function isStillThere<O extends ApiObject, T extends ApiObject>({
  transport,
  ownerResource,
  owner,
}: ClaimRequest<O, T>): Promise<boolean> {
  try {
    const live = await transport.get(ownerResource, owner.metadata);
    return live.metadata.uid === owner.metadata.uid && !isDeleting(live);
  } catch (error) {
    if (hasReason(error, 'NotFound')) return false;
    throw error;
  }
}

async function adoptOne<O extends ApiObject, T extends ApiObject>(
  { transport, ownerResource, owner, resource }: ClaimRequest<O, T>,
  object: T,
): Promise<T | undefined> {
  const reference = controllerReference(ownerResource, owner);
  const ownerReferences = [...(object.metadata.ownerReferences ?? []), reference];
  return patchOwners({ transport, resource, object, ownerReferences });
}

async function releaseOne<O extends ApiObject, T extends ApiObject>(
  { transport, owner, resource }: ClaimRequest<O, T>,
  object: T,
): Promise<void> {
  const ownerReferences = (object.metadata.ownerReferences ?? []).filter(
    ({ uid }) => uid !== owner.metadata.uid,
  );
  await patchOwners({ transport, resource, object, ownerReferences });
}

/** Writes the whole list at the revision it was read; undefined when the object is gone. */
export async function patchOwners<T extends ApiObject>({
  transport,
  resource,
  object,
  ownerReferences,
}: {
  readonly transport: Transport;
  readonly resource: Resource<T>;
  readonly object: T;
  readonly ownerReferences: readonly OwnerReference[];
}): Promise<T | undefined> {
  const { uid, resourceVersion } = object.metadata;
  const list = ownerReferences.length === 0 ? null : ownerReferences;
  const body = { metadata: { uid, resourceVersion, ownerReferences: list } };
  try {
    return await transport.patch(resource, object.metadata, { type: 'merge', body });
  } catch (error) {
    if (hasReason(error, 'NotFound')) return undefined;
    throw error;
  }
}
