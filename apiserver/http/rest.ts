// Everything that is not about a resource and not hot: discovery, OpenAPI, metrics. Built on the
// first such request, so that a start does not wait for express; documents are made when somebody
// asks, and kept as bytes.

import { createHash } from 'node:crypto';
import express, { type Express, type Request, type Response } from 'express';
import type { Metrics } from '../../machinery/metrics.ts';
import { SCHEMA } from '../../proto/generated/schema.ts';
import type { Kind } from '../registry/kind.ts';
import { send, sendJson, sendLarge } from './answer.ts';
import {
  aggregatedDiscovery,
  type GroupVersions,
  groupsOf,
  legacyGroup,
  legacyGroups,
  legacyResources,
  legacyVersions,
} from './discovery.ts';
import { formOf } from './negotiate.ts';
import { openApiDocument } from './openapi-document.ts';
import { openApiProtobuf, PROTOBUF_V2, PROTOBUF_V2_ASKED } from './openapi-protobuf.ts';
import { noSuchResource, notAllowed } from './resource-door.ts';
import { GIT_VERSION } from './version.ts';

export interface RestParts {
  readonly kinds: readonly Kind[];
  readonly metrics: Metrics;
  /** `host:port` that clients reach this server under. */
  readonly address: () => string;
}

/** OpenAPI documents are large and rarely read: the oldest makes room. */
const DOCUMENTS_MAX = 4;
const JSON_TYPE = 'application/json';

export function restApp(parts: RestParts): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  const groups = groupsOf(parts.kinds);
  addDiscovery(app, groups, parts);
  addOpenApi(app, groups, parts.kinds);
  app.get('/', (_request, response) => sendJson(response, 200, { paths: pathsOf(groups) }));
  app.get('/metrics', async (_request, response) => {
    send(response, 200, parts.metrics.contentType, await parts.metrics.text());
  });
  const paths = new Set(pathsOf(groups));
  app.use(({ path, method }) => {
    const isRead = method === 'GET' || method === 'HEAD';
    throw !isRead && paths.has(path) ? notAllowed() : noSuchResource();
  });
  return app;
}

function addDiscovery(app: Express, groups: readonly GroupVersions[], parts: RestParts): void {
  const core = groups.filter(({ group }) => group === '');
  const named = groups.filter(({ group }) => group !== '');
  const aggregated = new Map<string, Buffer>();

  /** Answers in aggregated form when the client accepts one. */
  const isAggregated = (request: Request, response: Response, of: readonly GroupVersions[]) => {
    const version = aggregatedVersionOf(request.headers.accept);
    if (version === undefined) return false;
    const key = `${request.path} ${version}`;
    const known = aggregated.get(key);
    const document = known ?? json(aggregatedDiscovery(of, `apidiscovery.k8s.io/${version}`));
    aggregated.set(key, document);
    const type = `${JSON_TYPE};g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`;
    sendTagged(request, response, { type, document });
    return true;
  };

  app.get('/api', (request, response) => {
    if (isAggregated(request, response, core)) return;
    sendJson(response, 200, legacyVersions(parts.address()));
  });
  app.get('/apis', (request, response) => {
    if (isAggregated(request, response, named)) return;
    sendJson(response, 200, legacyGroups(groups));
  });
  app.get('/apis/:group', ({ params }, response) => {
    const group = named.find((one) => one.group === params.group);
    if (group === undefined) throw noSuchResource();
    sendJson(response, 200, legacyGroup(group));
  });
  const sendResources = (response: Response, group: string, version: string) => {
    const found = groups
      .find((one) => one.group === group)
      ?.versions.find((one) => one.version === version);
    if (found === undefined) throw noSuchResource();
    sendJson(response, 200, legacyResources(found.kinds));
  };
  app.get('/api/:version', ({ params }, response) => sendResources(response, '', params.version));
  app.get('/apis/:group/:version', ({ params }, response) =>
    sendResources(response, params.group, params.version),
  );
}

function addOpenApi(app: Express, groups: readonly GroupVersions[], kinds: readonly Kind[]): void {
  const documents = new Map<string, Buffer>();
  const cached = (key: string, make: () => Buffer): Buffer => {
    const document = documents.get(key) ?? make();
    documents.delete(key);
    documents.set(key, document);
    for (const oldest of documents.keys()) {
      if (documents.size <= DOCUMENTS_MAX) break;
      documents.delete(oldest);
    }
    return document;
  };
  const title = 'Wherry';
  const byPath = new Map(
    groups.flatMap(({ group, versions }) =>
      versions.map(
        (one) =>
          [
            group === '' ? `api/${one.version}` : `apis/${group}/${one.version}`,
            one.kinds,
          ] as const,
      ),
    ),
  );

  app.get('/openapi/v3', (_request, response) => {
    const hash = schemaHash();
    const paths = Object.fromEntries(
      [...byPath.keys()].map((path) => [
        path,
        { serverRelativeURL: `/openapi/v3/${path}?hash=${hash}` },
      ]),
    );
    sendJson(response, 200, { paths });
  });
  app.get('/openapi/v3/*path', async (request, response) => {
    const path = request.path.slice('/openapi/v3/'.length);
    const members = byPath.get(path);
    if (members === undefined) throw noSuchResource();
    const options = { flavour: 'v3', title, version: GIT_VERSION } as const;
    const document = cached(path, () => json(openApiDocument(members, options)));
    await sendLarge({ request, response }, JSON_TYPE, document);
  });
  app.get('/openapi/v2', async (request, response) => {
    const options = { flavour: 'v2', title, version: GIT_VERSION } as const;
    const make = () => openApiDocument(kinds, options);
    if (PROTOBUF_V2_ASKED.test(request.headers.accept ?? '')) {
      const bytes = cached('v2 protobuf', () => openApiProtobuf(make()));
      return sendLarge({ request, response }, PROTOBUF_V2, bytes);
    }
    formOf(request.headers.accept);
    await sendLarge(
      { request, response },
      JSON_TYPE,
      cached('v2', () => json(make())),
    );
  });
}

/** The first aggregated form that the client lists; `profile=nopeer` and the like are ignored. */
function aggregatedVersionOf(accept = ''): 'v2' | 'v2beta1' | undefined {
  for (const clause of accept.split(',')) {
    if (!clause.includes('as=APIGroupDiscoveryList')) continue;
    if (/;\s*v=v2\s*(;|$)/.test(clause)) return 'v2';
    if (/;\s*v=v2beta1\s*(;|$)/.test(clause)) return 'v2beta1';
  }
  return undefined;
}

const json = (value: object): Buffer => Buffer.from(`${JSON.stringify(value)}\n`);

function sendTagged(
  request: Request,
  response: Response,
  { type, document }: { readonly type: string; readonly document: Buffer },
): void {
  const tag = `"${createHash('sha256').update(document).digest('hex').toUpperCase()}"`;
  response.setHeader('ETag', tag);
  response.setHeader('Vary', 'Accept');
  response.setHeader('Cache-Control', 'public');
  if (request.headers['if-none-match'] === tag) {
    response.writeHead(304);
    response.end();
    return;
  }
  send(response, 200, type, document);
}

/** Clients keep documents by this: it changes when the schemas do. */
const schemaHash = (): string =>
  createHash('sha256').update(GIT_VERSION).update(JSON.stringify(SCHEMA)).digest('hex');

const pathsOf = (groups: readonly GroupVersions[]): readonly string[] => [
  ...groups.flatMap(({ group, versions }) => {
    const root = group === '' ? '/api' : `/apis/${group}`;
    return [root, ...versions.map(({ version }) => `${root}/${version}`)];
  }),
  ...[
    '/apis',
    '/healthz',
    '/livez',
    '/metrics',
    '/openapi/v2',
    '/openapi/v3',
    '/readyz',
    '/version',
  ],
];
