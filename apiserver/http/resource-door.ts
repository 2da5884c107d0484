// The hot path: requests about resources, one function a verb, between the raw request and the
// registry. The caller has authenticated and authorized them.

import type { Clock } from '../../machinery/clock.ts';
import { StatusError } from '../../machinery/errors.ts';
import type { Patch } from '../../machinery/transport.ts';
import { optionsInvalid } from '../registry/owners.ts';
import type { Deletion, Registry } from '../registry/registry.ts';
import { sendJson, success } from './answer.ts';
import { answerList } from './answer-list.ts';
import { answerObject } from './answer-object.ts';
import { answerWatch } from './answer-watch.ts';
import {
  mediaTypeOf,
  objectOfJson,
  objectOfYaml,
  readBody,
  readObject,
  unsupported,
} from './body.ts';
import { callOf, type ResourceExchange } from './exchange.ts';
import { deleteOptionsOf, listQueryOf, watchQueryOf } from './query-options.ts';
import { isTrue } from './request-info.ts';

export interface ResourceDoorParts {
  readonly registry: Registry;
  readonly clock: Clock;
  /** Ends watches when the server stops. */
  readonly stopping: AbortSignal;
}

export type ResourceDoor = (exchange: ResourceExchange) => Promise<void>;

const PATCH_TYPES: Readonly<Record<string, Patch['type']>> = {
  'application/json-patch+json': 'json',
  'application/merge-patch+json': 'merge',
  'application/strategic-merge-patch+json': 'strategic',
  'application/apply-patch+yaml': 'apply',
};

export function resourceDoor({ registry, clock, stopping }: ResourceDoorParts): ResourceDoor {
  return function serve(exchange) {
    switch (exchange.resource.verb) {
      case 'get':
        return get(exchange);
      case 'list':
        return list(exchange);
      case 'watch':
        return watch(exchange);
      case 'create':
        return create(exchange);
      case 'update':
        return update(exchange);
      case 'patch':
        return patch(exchange);
      case 'delete':
        return remove(exchange);
      case 'deletecollection':
        return removeCollection(exchange);
    }
  };

  async function get(exchange: ResourceExchange): Promise<void> {
    const version = exchange.info.query.get('resourceVersion') ?? undefined;
    const item = await registry.get(callOf(exchange), version);
    return answerObject(exchange, item, { nowMs: clock.now() });
  }

  async function list(exchange: ResourceExchange): Promise<void> {
    const query = listQueryOf(exchange.info.query, exchange.resource);
    const listing = await registry.list(callOf(exchange), query);
    return answerList(exchange, listing, clock.now());
  }

  async function watch(exchange: ResourceExchange): Promise<void> {
    const query = watchQueryOf(exchange.info.query, exchange.resource);
    const gone = new AbortController();
    exchange.response.once('close', () => gone.abort());
    const signal = AbortSignal.any([gone.signal, stopping]);
    const events = registry.watch(callOf(exchange), query, signal);
    return answerWatch(exchange, events, () => clock.now());
  }

  async function create(exchange: ResourceExchange): Promise<void> {
    const body = await readObject(exchange);
    const item = await registry.create(callOf(exchange), body);
    return answerObject(exchange, item, { code: 201, nowMs: clock.now() });
  }

  async function update(exchange: ResourceExchange): Promise<void> {
    const body = await readObject(exchange);
    let code = 200;
    const onCreate = () => {
      code = 201;
    };
    const item = await registry.update({ ...callOf(exchange), onCreate }, body);
    return answerObject(exchange, item, { code, nowMs: clock.now() });
  }

  async function patch(exchange: ResourceExchange): Promise<void> {
    const patch = await readPatch(exchange);
    let code = 200;
    const onCreate = () => {
      code = 201;
    };
    const item = await registry.patch({ ...callOf(exchange), onCreate }, patch);
    return answerObject(exchange, item, { code, nowMs: clock.now() });
  }

  async function remove(exchange: ResourceExchange): Promise<void> {
    const options = await deleteOptionsOf(exchange);
    const call = callOf(exchange, options.dryRun === true);
    const deletion = await registry.delete(call, options);
    if (!deletion.gone) return answerObject(exchange, deletion.item, { nowMs: clock.now() });
    sendJson(exchange.response, 200, goneStatus(exchange, deletion));
  }

  async function removeCollection(exchange: ResourceExchange): Promise<void> {
    const query = listQueryOf(exchange.info.query, exchange.resource);
    const options = await deleteOptionsOf(exchange);
    const call = callOf(exchange, options.dryRun === true);
    const listing = await registry.deleteCollection(call, query, options);
    return answerList(exchange, listing, clock.now());
  }
}

async function readPatch(exchange: ResourceExchange): Promise<Patch> {
  const media = mediaTypeOf(exchange.request);
  const type = Object.hasOwn(PATCH_TYPES, media) ? PATCH_TYPES[media] : undefined;
  if (type === undefined) throw unsupported(media, Object.keys(PATCH_TYPES));
  const bytes = await readBody(exchange.request);
  const body =
    type === 'apply' ? await objectOfYaml(exchange, bytes) : objectOfJson(exchange, bytes);
  return { type, body, force: forceOf(exchange.info.query, type) };
}

function forceOf(query: URLSearchParams, type: Patch['type']): boolean | undefined {
  if (!query.has('force')) return undefined;
  if (type === 'apply') return isTrue(query.get('force'));
  throw optionsInvalid('PatchOptions', {
    reason: 'FieldValueForbidden',
    field: 'force',
    message: 'Forbidden: may not be specified for non-apply patch',
  });
}

function goneStatus({ kind: { resource } }: ResourceExchange, { item }: Deletion): object {
  const { name, uid } = item.object.metadata;
  const { group, plural } = resource;
  const details = {
    name,
    ...(group !== '' && { group }),
    kind: plural,
    ...(uid !== undefined && { uid }),
  };
  const { code: _, ...status } = success(details);
  return status;
}

export const notAllowed = (): StatusError =>
  new StatusError(
    'MethodNotAllowed',
    'the server does not allow this method on the requested resource',
  );

/** What a path names that the server does not serve. */
export const noSuchResource = (): StatusError =>
  new StatusError('NotFound', 'the server could not find the requested resource');
