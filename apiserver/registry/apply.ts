// Server-side apply: the plan is made of values (machinery/apply); here it meets a request, and
// goes on as a create or an update like any other.

import { conflictError } from '../../machinery/apply/conflict.ts';
import type { Entry } from '../../machinery/apply/managers.ts';
import { planApply } from '../../machinery/apply/plan-apply.ts';
import { timestampOf } from '../../machinery/clock.ts';
import { badRequest, hasReason, invariant, type StatusError } from '../../machinery/errors.ts';
import type { Patch } from '../../machinery/transport.ts';
import { type ApiObject, apiVersionOf } from '../../proto/resource.ts';
import { type Context, targetOf } from './context.ts';
import { createDecoded } from './create.ts';
import { checkedKind, decodeObject, runDecoder } from './decode.ts';
import { keepAnnotation, unexplained } from './last-applied.ts';
import { managerOf, optionsInvalid, type Write, writtenBy } from './owners.ts';
import type { Call, Encoded } from './registry.ts';
import { checkAddress, replaceObject } from './update.ts';

/** Somebody else creates or deletes the object meanwhile; again and again is no coincidence. */
const ATTEMPTS_MAX = 4;

export async function applyObject(context: Context, call: Call, patch: Patch): Promise<Encoded> {
  targetOf(call);
  const config = configOf(context, call, patch.body);
  return applyConfig(
    context,
    { ...call, isApplied: true },
    { config, force: patch.force === true },
  );
}

export interface Configuration {
  readonly config: ApiObject;
  readonly force: boolean;
}

export async function applyConfig(
  context: Context,
  write: Write,
  configuration: Configuration,
): Promise<Encoded> {
  if (write.fieldManager === undefined) {
    throw optionsInvalid('PatchOptions', {
      reason: 'FieldValueRequired',
      field: 'fieldManager',
      message: 'Required value: is required for apply patch',
    });
  }
  const mayCreate = write.subresource === undefined && write.through === undefined;
  for (let attempt = 1; ; attempt++) {
    try {
      return await replaceObject(context, write, ({ object }) =>
        applied(context, write, { ...configuration, live: object }),
      );
    } catch (error) {
      if (!mayCreate || !hasReason(error, 'NotFound')) throw error;
      write.assertMay?.('create');
    }
    try {
      const object = applied(context, write, { ...configuration, live: undefined });
      const item = await createDecoded(context, write, object);
      write.onCreate?.();
      return item;
    } catch (error) {
      if (!hasReason(error, 'AlreadyExists') || attempt === ATTEMPTS_MAX) throw error;
    }
  }
}

/** What the client applies: what it says and no more, with its types checked. */
export function configOf(context: Context, call: Call, body: unknown): ApiObject {
  const { kind } = call;
  // The patch is the caller's, and the decoder works in place.
  const config = checkedKind(kind, structuredClone(body));
  config.metadata ??= {};
  const unknown = runDecoder(kind, context.decoderOf(kind.resource.type), config, 'partial');
  if (unknown.length > 0) {
    throw malformed(
      call,
      unknown.map((path) => `.${path}: field not declared in schema`),
    );
  }
  const object = config as unknown as ApiObject;
  if (object.metadata.managedFields) throw badRequest('metadata.managedFields must be nil');
  delete object.metadata.managedFields;
  checkAddress(object, call);
  return object;
}

/** A new object that shares nothing with what is stored or sent. */
function applied(
  context: Context,
  write: Write,
  { config, force, live }: Configuration & { readonly live: ApiObject | undefined },
): ApiObject {
  const { kind } = write;
  const manager = managerOf(write, 'Apply');
  const application = {
    shape: context.shapeOf(kind.resource.type),
    live,
    config,
    entries: live?.metadata.managedFields ?? [],
    manager,
    force,
    time: timestampOf(context.clock.now()),
    isWritten: writtenBy(write),
  };
  let plan = planApply(application);
  if (plan.type === 'conflict') {
    const disputed = { conflicts: plan.conflicts, live, manager: manager.name };
    const conflicts = unexplained(context, kind, disputed);
    if (conflicts.length > 0) throw conflictError(conflicts);
    plan = planApply({ ...application, force: true });
  }
  if (plan.type === 'malformed') throw malformed(write, plan.faults);
  invariant(plan.type === 'merged', 'force leaves no conflict');
  const copy: unknown = JSON.parse(JSON.stringify(plan.object));
  const object = decodeObject(kind, context.decoderOf(kind.resource.type), copy, {});
  if (plan.entries.length > 0) object.metadata.managedFields = plan.entries as Entry[];
  else delete object.metadata.managedFields;
  keepAnnotation(object, config, manager.name);
  return object;
}

function malformed({ kind, namespace, name }: Call, faults: readonly string[]): StatusError {
  const { resource } = kind;
  const what = `${namespace ?? ''}/${name}; ${apiVersionOf(resource)}, Kind=${resource.kind}`;
  const list = faults.length === 1 ? faults[0] : `errors:\n  ${faults.join('\n  ')}`;
  return badRequest(`failed to create typed patch object (${what}): ${list}`);
}
