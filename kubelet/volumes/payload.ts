// What files a volume holds, from the objects it projects. Pure: the objects are handed in.

import type {
  ConfigMap,
  Container,
  DownwardAPIVolumeFile,
  KeyToPath,
  Secret,
  VolumeProjection,
} from '../../proto/generated/core.v1.ts';
import type { Objects } from '../env/env.ts';
import { fieldValue, resourceValue, type SelfKnowledge } from '../env/field-ref.ts';

export interface File {
  readonly content: Buffer;
  readonly mode: number;
}

/** By path within the volume. */
export type Payload = ReadonlyMap<string, File>;

export type PayloadAnswer =
  | { readonly isOk: true; readonly payload: Payload }
  | { readonly isOk: false; readonly why: string };

export interface PayloadContext extends SelfKnowledge {
  readonly objects: Objects;
  /** Tokens of the pod's service account that were fetched before, by path. */
  readonly tokens: ReadonlyMap<string, string>;
}

export const MODE_DEFAULT = 0o644;

export function payloadOf(
  sources: readonly VolumeProjection[],
  defaultMode: number,
  context: PayloadContext,
): PayloadAnswer {
  const payload = new Map<string, File>();
  for (const source of sources) {
    const why = addSource(payload, source, { context, defaultMode });
    if (why !== undefined) return { isOk: false, why };
  }
  const outside = [...payload.keys()].find(leadsOut);
  if (outside !== undefined) return { isOk: false, why: `path ${outside} leads out of the volume` };
  return { isOk: true, payload };
}

/** The API refuses such paths; files of the node must not depend on that. */
const leadsOut = (path: string): boolean => {
  const parts = path.split('/');
  return path === '' || parts.includes('..') || parts[0] === '' || parts[0]!.startsWith('..');
};

interface Scope {
  readonly context: PayloadContext;
  readonly defaultMode: number;
}

function addSource(
  payload: Map<string, File>,
  source: VolumeProjection,
  scope: Scope,
): string | undefined {
  const { objects, tokens } = scope.context;
  if (source.configMap) {
    const { name = '', items, optional } = source.configMap;
    const found = objects.configMap(name);
    if (!found) return optional ? undefined : `configmap "${name}" not found`;
    return addKeys(payload, contentsOfConfigMap(found), { items, optional, scope, about: name });
  }
  if (source.secret) {
    const { name = '', items, optional } = source.secret;
    const found = objects.secret(name);
    if (!found) return optional ? undefined : `secret "${name}" not found`;
    return addKeys(payload, contentsOfSecret(found), { items, optional, scope, about: name });
  }
  if (source.downwardAPI) return addDownward(payload, source.downwardAPI.items ?? [], scope);
  if (source.serviceAccountToken) {
    const { path } = source.serviceAccountToken;
    const token = tokens.get(path);
    if (token === undefined) return `no service account token for ${path} yet`;
    payload.set(path, { content: Buffer.from(token), mode: scope.defaultMode });
  }
  return undefined;
}

type Contents = ReadonlyMap<string, Buffer>;

const contentsOfConfigMap = ({ data = {}, binaryData = {} }: ConfigMap): Contents =>
  new Map([
    ...Object.entries(data).map(([key, text]) => [key, Buffer.from(text)] as const),
    ...Object.entries(binaryData).map(([key, text]) => [key, Buffer.from(text, 'base64')] as const),
  ]);

const contentsOfSecret = ({ data = {} }: Secret): Contents =>
  new Map(Object.entries(data).map(([key, text]) => [key, Buffer.from(text, 'base64')]));

function addKeys(
  payload: Map<string, File>,
  contents: Contents,
  {
    items,
    optional = false,
    scope,
    about,
  }: {
    items: readonly KeyToPath[] | undefined;
    optional: boolean | undefined;
    scope: Scope;
    about: string;
  },
): string | undefined {
  const chosen = items ?? [...contents.keys()].map((key): KeyToPath => ({ key, path: key }));
  for (const { key, path, mode } of chosen) {
    const content = contents.get(key);
    if (content !== undefined) payload.set(path, { content, mode: mode ?? scope.defaultMode });
    else if (!optional) return `${about} references non-existent key: ${key}`;
  }
  return undefined;
}

function addDownward(
  payload: Map<string, File>,
  items: readonly DownwardAPIVolumeFile[],
  { context, defaultMode }: Scope,
): string | undefined {
  const containers: readonly Container[] = [
    ...context.pod.spec.containers,
    ...(context.pod.spec.initContainers ?? []),
  ];
  for (const { path, mode, fieldRef, resourceFieldRef } of items) {
    const about = containers.find(({ name }) => name === resourceFieldRef?.containerName);
    const value = fieldRef
      ? fieldValue(context, fieldRef)
      : resourceFieldRef && about && resourceValue(context, about, resourceFieldRef);
    if (value === undefined) return `the downward API has nothing for ${path}`;
    payload.set(path, { content: Buffer.from(value), mode: mode ?? defaultMode });
  }
  return undefined;
}
