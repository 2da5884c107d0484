// The OpenAPI document of one group and version: components from the schema tables, paths from
// the kinds. Pure. What kubectl reads of it: the kind behind each path, the query parameter
// `fieldValidation` of PATCH, and the content types that PATCH takes.

import { openApiSchemas } from '../../proto/openapi.ts';
import { apiVersionOf } from '../../proto/resource.ts';
import type { Kind } from '../registry/kind.ts';
import { typeOfMessage } from './message-types.ts';
import { type SubresourceInfo, subresourcesOf, verbsOf } from './served.ts';

const META = 'io.k8s.apimachinery.pkg.apis.meta.v1';
const ALWAYS = [`${META}.Status`, `${META}.DeleteOptions`, `${META}.Patch`];

const MEDIA = ['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf'];
const PATCH_MEDIA = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  'application/apply-patch+yaml',
];

type Json = Readonly<Record<string, unknown>>;

export interface Flavoured {
  readonly flavour: 'v3' | 'v2';
  readonly title: string;
  readonly version: string;
}

export function openApiDocument(kinds: readonly Kind[], options: Flavoured): Json {
  const { flavour, title, version } = options;
  const types = [...ALWAYS, ...kinds.flatMap(typesOf)];
  const schemas = { [`${META}.Patch`]: { type: 'object' }, ...openApiSchemas(types, flavour) };
  const info = { title, version };
  const paths = Object.fromEntries(kinds.flatMap((kind) => pathsOf(kind, flavour)));
  return flavour === 'v3'
    ? { openapi: '3.0.0', info, paths, components: { schemas } }
    : { swagger: '2.0', info, paths, definitions: schemas };
}

const typesOf = (kind: Kind): readonly string[] => [
  kind.resource.type,
  ...subresourcesOf(kind).flatMap((one) => bodyTypeOf(kind, one) ?? []),
];

/** Undefined for streams and other bodies that have no message. */
function bodyTypeOf({ resource }: Kind, one: SubresourceInfo): string | undefined {
  const { group = resource.group, version = resource.version, kind } = one;
  return typeOfMessage(apiVersionOf({ group, version }), kind);
}

interface Target {
  readonly flavour: 'v3' | 'v2';
  readonly gvk: Json;
  /** Full message name of the body. */
  readonly type: string;
}

function pathsOf(kind: Kind, flavour: 'v3' | 'v2'): [path: string, item: Json][] {
  const { resource } = kind;
  const { group, version, plural, namespaced } = resource;
  const root = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
  const all = `${root}${namespaced ? '/namespaces/{namespace}' : ''}/${plural}`;
  const target = { flavour, gvk: { group, version, kind: resource.kind }, type: resource.type };
  const verbs = verbsOf(kind);
  const inPath = namespaced ? ['namespace'] : [];
  const items: [string, Json][] = [
    [all, pathItem(target, verbs.filter(isOfCollection), inPath)],
    [`${all}/{name}`, pathItem(target, verbs.filter(isOfOne), [...inPath, 'name'])],
  ];
  if (namespaced) {
    const lists = verbs.filter((verb) => verb === 'list');
    items.push([`${root}/${plural}`, pathItem(target, lists, [])]);
  }
  for (const one of subresourcesOf(kind)) {
    const { group: ownGroup = group, version: ownVersion = version } = one;
    const own = {
      flavour,
      gvk: { group: ownGroup, version: ownVersion, kind: one.kind },
      type: bodyTypeOf(kind, one) ?? resource.type,
    };
    items.push([`${all}/{name}/${one.name}`, pathItem(own, one.verbs, [...inPath, 'name'])]);
  }
  return items.filter(([, item]) => Object.keys(item).length > 1);
}

const isOfCollection = (verb: string): boolean =>
  verb === 'list' || verb === 'create' || verb === 'deletecollection';
const isOfOne = (verb: string): boolean =>
  verb === 'get' || verb === 'update' || verb === 'patch' || verb === 'delete';

const METHODS: Readonly<Record<string, string>> = {
  get: 'get',
  list: 'get',
  create: 'post',
  update: 'put',
  patch: 'patch',
  delete: 'delete',
  deletecollection: 'delete',
};

const QUERIES: Readonly<Record<string, readonly string[]>> = {
  list: [
    'allowWatchBookmarks?',
    'continue',
    'fieldSelector',
    'labelSelector',
    'limit#',
    'resourceVersion',
    'resourceVersionMatch',
    'sendInitialEvents?',
    'timeoutSeconds#',
    'watch?',
  ],
  create: ['dryRun', 'fieldManager', 'fieldValidation'],
  update: ['dryRun', 'fieldManager', 'fieldValidation'],
  patch: ['dryRun', 'fieldManager', 'fieldValidation', 'force?'],
  delete: ['dryRun', 'gracePeriodSeconds#', 'orphanDependents?', 'propagationPolicy'],
  deletecollection: ['dryRun', 'fieldSelector', 'labelSelector', 'propagationPolicy'],
};

function pathItem(target: Target, verbs: readonly string[], inPath: readonly string[]): Json {
  const operations = verbs.flatMap((verb) => {
    const method = METHODS[verb];
    return method === undefined ? [] : [[method, operation(target, verb)] as const];
  });
  const parameters = [
    ...inPath.map((name) => parameter(target.flavour, name, 'path')),
    parameter(target.flavour, 'pretty', 'query'),
  ];
  return { ...Object.fromEntries(operations), parameters };
}

function operation({ flavour, gvk, type }: Target, verb: string): Json {
  const parameters = (QUERIES[verb] ?? []).map((name) => parameter(flavour, name, 'query'));
  const body = bodyOf(type, verb);
  const answer = verb === 'list' ? `${type}List` : answersStatus(verb) ? `${META}.Status` : type;
  const action = ACTIONS[verb] ?? verb;
  const shared = { 'x-kubernetes-action': action, 'x-kubernetes-group-version-kind': gvk };
  const isPatch = verb === 'patch';
  if (flavour === 'v2') {
    const inBody = { name: 'body', in: 'body', schema: { $ref: `#/definitions/${body}` } };
    return {
      consumes: isPatch ? PATCH_MEDIA : MEDIA,
      produces: MEDIA,
      parameters: body === undefined ? parameters : [inBody, ...parameters],
      responses: { 200: { description: 'OK', schema: { $ref: `#/definitions/${answer}` } } },
      ...shared,
    };
  }
  return {
    ...(parameters.length > 0 && { parameters }),
    ...(body !== undefined && { requestBody: contentOf(body, isPatch ? PATCH_MEDIA : MEDIA) }),
    responses: { 200: { description: 'OK', ...contentOf(answer, MEDIA) } },
    ...shared,
  };
}

const ACTIONS: Readonly<Record<string, string>> = { create: 'post', update: 'put' };

const answersStatus = (verb: string): boolean => verb === 'delete' || verb === 'deletecollection';

function bodyOf(type: string, verb: string): string | undefined {
  if (verb === 'create' || verb === 'update') return type;
  if (verb === 'patch') return `${META}.Patch`;
  return answersStatus(verb) ? `${META}.DeleteOptions` : undefined;
}

function contentOf(type: string, media: readonly string[]): Json {
  const schema = { $ref: `#/components/schemas/${type}` };
  return { content: Object.fromEntries(media.map((one) => [one, { schema }])) };
}

/** `name?` is a boolean, `name#` an integer. */
function parameter(flavour: 'v3' | 'v2', word: string, where: 'path' | 'query'): Json {
  const name = word.replace(/[?#]$/, '');
  const type = word.endsWith('?') ? 'boolean' : word.endsWith('#') ? 'integer' : 'string';
  const schema = { type, uniqueItems: true };
  const isInPath = where === 'path' && { required: true };
  return { name, in: where, ...isInPath, ...(flavour === 'v3' ? { schema } : schema) };
}
