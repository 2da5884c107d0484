// The scale subresource: autoscaling/v1 Scale as a small view of an object that has replicas.

import { badRequest, conflict } from '../../machinery/errors.ts';
import { applyPatch } from '../../machinery/patch/apply.ts';
import type { Patch } from '../../machinery/transport.ts';
import type { Scale } from '../../proto/generated/autoscaling.v1.ts';
import { SCHEMA } from '../../proto/generated/schema.ts';
import { type ApiObject, apiVersionOf, type Resource } from '../../proto/resource.ts';
import { applyConfig, configOf } from './apply.ts';
import { type Context, subresourceNotFound } from './context.ts';
import { decodeObject } from './decode.ts';
import { privateCopy, unstored } from './encode.ts';
import { invalid } from './invalid.ts';
import type { Kind, ScalePaths } from './kind.ts';
import type { Write } from './owners.ts';
import { getObject } from './read.ts';
import type { Call, Encoded } from './registry.ts';
import { replaceObject } from './update.ts';

export const SCALES: Resource = {
  group: 'autoscaling',
  version: 'v1',
  kind: 'Scale',
  plural: 'scales',
  singular: 'scale',
  namespaced: true,
  shortNames: [],
  categories: [],
  type: 'io.k8s.api.autoscaling.v1.Scale',
};

const SCALE_KIND: Kind = { resource: SCALES };

export async function getScale(
  context: Context,
  call: Call,
  resourceVersion?: string,
): Promise<Encoded> {
  return scaleView(pathsOf(call), await getObject(context, call, resourceVersion));
}

export async function updateScale(context: Context, call: Call, body: unknown): Promise<Encoded> {
  const scale = decodeScale(context, call, body);
  return writeScale(context, call, () => scale);
}

export async function patchScale(context: Context, call: Call, patch: Patch): Promise<Encoded> {
  const paths = pathsOf(call);
  if (patch.type === 'apply') return applyScale(context, call, patch);
  return writeScale(context, call, (current) => {
    const view = scaleView(paths, current).object;
    return decodeScale(context, call, applyPatch(SCHEMA, SCALES.type, view, patch));
  });
}

const decodeScale = (context: Context, call: Call, body: unknown): Scale =>
  decodeObject(SCALE_KIND, context.decoderOf(SCALES.type), body, call) as Scale;

async function writeScale(
  context: Context,
  call: Call,
  wanted: (current: Encoded) => Scale,
): Promise<Encoded> {
  const paths = pathsOf(call);
  // To the kind it is an update of its spec like any other.
  const whole = wholeOf(call);
  const item = await replaceObject(context, whole, (current) => {
    const scale = wanted(current);
    checkScale(call, scale, current);
    const object = privateCopy(current);
    paths.setReplicas(object, scale.spec?.replicas ?? 0);
    return object;
  });
  return scaleView(paths, item);
}

const wholeOf = (call: Call): Write => ({ ...call, subresource: undefined, through: 'scale' });

/** Says one thing of the object, and owns it. */
async function applyScale(context: Context, call: Call, patch: Patch): Promise<Encoded> {
  const { resource } = call.kind;
  const { metadata, spec } = configOf(context, { ...call, kind: SCALE_KIND }, patch.body) as Scale;
  const config = {
    kind: resource.kind,
    apiVersion: apiVersionOf(resource),
    metadata,
    spec: { replicas: spec?.replicas ?? 0 },
  };
  const write: Write = { ...wholeOf(call), isApplied: true };
  const item = await applyConfig(context, write, { config, force: patch.force === true });
  return scaleView(pathsOf(call), item);
}

function checkScale({ kind, name }: Call, { metadata, spec }: Scale, current: Encoded): void {
  const stored = current.object.metadata;
  if (metadata.name && metadata.name !== name) {
    throw badRequest(
      `the name of the object (${metadata.name}) does not match the name on the URL (${name})`,
    );
  }
  if (metadata.uid && metadata.uid !== stored.uid) {
    const why = `Precondition failed: UID in precondition: ${metadata.uid}, UID in object meta: ${stored.uid}`;
    throw conflict(kind.resource, stored.name, why);
  }
  if (metadata.resourceVersion && metadata.resourceVersion !== String(current.revision)) {
    throw conflict(kind.resource, stored.name);
  }
  const replicas = spec?.replicas ?? 0;
  if (replicas < 0) {
    const message = `Invalid value: ${replicas}: must be greater than or equal to 0`;
    throw invalid(SCALES, stored.name, [
      { reason: 'FieldValueInvalid', field: 'spec.replicas', message },
    ]);
  }
}

function pathsOf({ kind }: Call): ScalePaths<ApiObject> {
  if (!kind.scale) throw subresourceNotFound();
  return kind.scale;
}

function scaleView(paths: ScalePaths<ApiObject>, { object, revision }: Encoded): Encoded {
  const { name, namespace, uid, creationTimestamp } = object.metadata;
  const scale: Scale = {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: {
      name,
      ...(namespace !== undefined && { namespace }),
      ...(uid !== undefined && { uid }),
      resourceVersion: String(revision),
      ...(creationTimestamp !== undefined && { creationTimestamp }),
    },
    spec: { replicas: paths.replicas(object) },
    status: { replicas: paths.statusReplicas(object), selector: paths.selector(object) },
  };
  return unstored(scale, revision);
}
