// The way of a request, top to bottom. Each step's result is the next one's argument, so the order
// is checked by the compiler: nobody is authorized before it is known who asks.
//
//   listener → request info (404) → authn (401) → limits (429) → authz (403)
//     → registry { decode, default, admit, validate, store } → watch cache → watchers

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Log } from '../machinery/log.ts';
import type { Authenticate } from './authn/authenticate.ts';
import { impersonated } from './authn/impersonate.ts';
import { type Authorize, assertAllowed } from './authz/attributes.ts';
import { type ConnectDoor, STREAMS } from './connect/connect-door.ts';
import { send, sendError, sendJson } from './http/answer.ts';
import { attributesOf } from './http/attributes.ts';
import { credentialsOf } from './http/credentials.ts';
import type { Exchange } from './http/exchange.ts';
import { type HealthChecks, healthAnswer } from './http/health.ts';
import type { Limits } from './http/limits.ts';
import { parseRequestInfo, type ResourceInfo } from './http/request-info.ts';
import type { Measure } from './http/request-metrics.ts';
import { noSuchResource, notAllowed, type ResourceDoor } from './http/resource-door.ts';
import { hasSubresource, isServed } from './http/served.ts';
import { versionInfo } from './http/version.ts';
import type { Kind } from './registry/kind.ts';
import type { Registry } from './registry/registry.ts';

export interface Parts {
  readonly authenticate: Authenticate;
  readonly limits: Limits;
  readonly authorize: Authorize;
  readonly registry: Pick<Registry, 'kindOf'>;
  readonly resources: ResourceDoor;
  readonly connect: ConnectDoor;
  readonly health: HealthChecks;
  /** Everything else: discovery, OpenAPI, metrics. */
  readonly rest: (exchange: Exchange) => Promise<void>;
  readonly measure: Measure;
  readonly log: Log;
}

export type Handle = (
  request: IncomingMessage,
  response: ServerResponse,
  upgrade?: Exchange['upgrade'],
) => Promise<void>;

export function createApiServer(parts: Parts): Handle {
  const { authenticate, limits, authorize, measure, log } = parts;
  return async function handle(request, response, upgrade) {
    try {
      const info = parseRequestInfo(request.method ?? 'GET', request.url ?? '/');
      const asker = await authenticate(credentialsOf(request));
      const user = impersonated(asker, request.headers, authorize);
      const attributes = attributesOf(info);
      const measured = measure(attributes);
      response.once('close', () => measured(response.statusCode));
      await limits.run(user, attributes, () => {
        assertAllowed(authorize, user, attributes);
        const assertMay = (verb: string): void =>
          assertAllowed(authorize, user, { ...attributes, verb });
        return serve(parts, { request, response, info, user, upgrade, assertMay });
      });
    } catch (error) {
      sendError(response, error, log);
    }
  };
}

function serve(parts: Parts, exchange: Exchange): Promise<void> {
  const { resource } = exchange.info;
  if (resource === undefined) return servePath(parts, exchange);
  const kind = kindOf(parts, resource);
  const door = STREAMS.has(resource.subresource ?? '') ? parts.connect : parts.resources;
  return door({ ...exchange, resource, kind });
}

function kindOf({ registry }: Parts, resource: ResourceInfo): Kind {
  const { group, version, plural, namespace, verb, subresource } = resource;
  const kind = registry.kindOf(group, version, plural);
  if (kind === undefined) throw noSuchResource();
  const { namespaced } = kind.resource;
  if (!namespaced && namespace !== undefined) throw noSuchResource();
  if (subresource !== undefined && !hasSubresource(kind, subresource)) throw noSuchResource();
  const isWide = namespaced && namespace === undefined;
  const mayBeWide = verb === 'list' || verb === 'watch';
  if ((isWide && !mayBeWide) || !isServed(kind, verb, subresource) || isMisnamed(resource)) {
    throw notAllowed();
  }
  return kind;
}

/** A collection cannot be replaced, and one makes nothing in an object but through its doors. */
const isMisnamed = ({ verb, name, subresource }: ResourceInfo): boolean =>
  name === undefined
    ? verb === 'update' || verb === 'patch'
    : verb === 'create' && subresource === undefined;

async function servePath({ health, rest }: Parts, exchange: Exchange): Promise<void> {
  const { response, info } = exchange;
  const answer = await healthAnswer(health, info.path, info.query);
  if (answer !== undefined) {
    response.setHeader('X-Content-Type-Options', 'nosniff');
    return send(response, answer.code, 'text/plain; charset=utf-8', answer.text);
  }
  if (info.path === '/version' || info.path === '/version/') {
    if (info.method !== 'GET' && info.method !== 'HEAD') throw notAllowed();
    return sendJson(response, 200, versionInfo());
  }
  return rest(exchange);
}
