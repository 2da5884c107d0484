// Creations that store nothing, or something else than their body: bindings, evictions, tokens,
// access reviews. They stand before the registry, so that every door has them.
//
//   registry.create(call, body) → an action by name, else the registry's own create

import { badRequest } from '../../machinery/errors.ts';
import { DecodeError, schemaDecoders } from '../../machinery/schema/decode.ts';
import { SCHEMA } from '../../proto/generated/schema.ts';
import type { ApiObject, Resource } from '../../proto/resource.ts';
import { defineKind, eraseKind, type Kind } from '../registry/kind.ts';
import type { Call, Encoded, Registry } from '../registry/registry.ts';

export interface Action {
  /** Full name of the body's message. */
  readonly bodyType: string;
  readonly apiVersion: string;
  readonly kind: string;
  /** Older versions that read the same. */
  readonly alsoVersions?: readonly string[];
  /** `body` has the types of its message. Answers what goes back to the client. */
  run(call: Call, body: unknown): Promise<object>;
}

/** By `plural.group`, or `plural.group/subresource`; the core group is empty: `pods./binding`. */
export type Actions = Readonly<Record<string, Action>>;

export interface ActionParts {
  readonly registry: Registry;
  /** Resources that exist only as actions. */
  readonly virtual: readonly Resource[];
  readonly actions: Actions;
}

export function registryWithActions({ registry, virtual, actions }: ActionParts): Registry {
  const decoderOf = schemaDecoders(SCHEMA);
  const own = virtual.map((resource): Kind => eraseKind(defineKind({ resource })));
  const stored = registry.kinds.filter(({ resource }) => !virtual.some(isSame(resource)));
  return {
    ...registry,
    kinds: [...stored, ...own],
    kindOf: (group, version, plural) =>
      own.find(({ resource }) => isSame(resource)({ group, version, plural })) ??
      registry.kindOf(group, version, plural),
    async create(call, body) {
      const action = actionOf(call);
      if (action === undefined) return registry.create(call, body);
      return answerOf(await action.run(call, decoded(action, body)));
    },
  };

  function actionOf({ kind: { resource }, subresource }: Call): Action | undefined {
    const base = `${resource.plural}.${resource.group}`;
    const key = subresource === undefined ? base : `${base}/${subresource}`;
    return Object.hasOwn(actions, key) ? actions[key] : undefined;
  }

  function decoded(action: Action, body: unknown): unknown {
    const { apiVersion, kind, bodyType } = action;
    if (typeof body !== 'object' || body === null || Array.isArray(body)) {
      throw badRequest(`the body is not a ${kind}`);
    }
    const object = body as Record<string, unknown>;
    const versions: readonly unknown[] = [undefined, apiVersion, ...(action.alsoVersions ?? [])];
    if ((object.kind ?? kind) !== kind || !versions.includes(object.apiVersion)) {
      throw badRequest(`want a ${kind} of ${apiVersion}`);
    }
    try {
      decoderOf(bodyType)(object);
    } catch (error) {
      if (error instanceof DecodeError) throw badRequest(`${kind}: ${error.message}`);
      throw error;
    }
    return { ...object, kind, apiVersion };
  }
}

type Names = Pick<Resource, 'group' | 'version' | 'plural'>;

const isSame =
  (a: Names) =>
  (b: Names): boolean =>
    a.group === b.group && a.version === b.version && a.plural === b.plural;

const answerOf = (object: object): Encoded => ({
  bytes: Buffer.from(JSON.stringify(object)),
  revision: 0,
  object: object as ApiObject,
});
