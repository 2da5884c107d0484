// The environment of a container: Services first, then envFrom, then env, later ones winning.
// Pure: the objects it refers to are handed in.

import type {
  ConfigMap,
  Container,
  EnvVar,
  EnvVarSource,
  Pod,
  Secret,
  Service,
} from '../../proto/generated/core.v1.ts';
import { expand } from './expansion.ts';
import { fieldValue, resourceValue, type SelfKnowledge } from './field-ref.ts';
import { serviceEnvOf } from './service-env.ts';

/** Objects of the pod's namespace, by name. */
export interface Objects {
  configMap(name: string): ConfigMap | undefined;
  secret(name: string): Secret | undefined;
}

export interface EnvContext extends SelfKnowledge {
  readonly objects: Objects;
  readonly services: readonly Service[];
}

export type EnvAnswer =
  | { readonly isOk: true; readonly env: ReadonlyMap<string, string> }
  | { readonly isOk: false; readonly why: string };

type Found = { readonly value: string | undefined } | { readonly why: string };

export function envOf(spec: Container, context: EnvContext): EnvAnswer {
  const { namespace = '' } = context.pod.metadata;
  const hasLinks = context.pod.spec.enableServiceLinks !== false;
  const services = serviceEnvOf(context.services, { namespace, hasLinks });
  const env = new Map<string, string>();
  const why = addEnvFrom(env, spec, context);
  if (why !== undefined) return { isOk: false, why };
  for (const variable of spec.env ?? []) {
    const found = resolve(variable, {
      spec,
      context,
      lookUp: (name) => env.get(name) ?? services.get(name),
    });
    if ('why' in found) return { isOk: false, why: found.why };
    if (found.value !== undefined) env.set(variable.name, found.value);
  }
  return { isOk: true, env: new Map([...services, ...env]) };
}

function addEnvFrom(
  env: Map<string, string>,
  { envFrom = [] }: Container,
  { objects }: EnvContext,
): string | undefined {
  for (const { prefix = '', configMapRef, secretRef } of envFrom) {
    if (configMapRef?.name) {
      const configMap = objects.configMap(configMapRef.name);
      if (!configMap && !configMapRef.optional) return notFound('configmap', configMapRef.name);
      for (const [key, value] of Object.entries(configMap?.data ?? {}))
        env.set(prefix + key, value);
    }
    if (secretRef?.name) {
      const secret = objects.secret(secretRef.name);
      if (!secret && !secretRef.optional) return notFound('secret', secretRef.name);
      for (const [key, value] of Object.entries(secret?.data ?? {})) {
        env.set(prefix + key, textOf(value));
      }
    }
  }
  return undefined;
}

const notFound = (kind: string, name: string): string => `${kind} "${name}" not found`;

const textOf = (base64: string): string => Buffer.from(base64, 'base64').toString('utf8');

interface Scope {
  readonly spec: Container;
  readonly context: EnvContext;
  lookUp(name: string): string | undefined;
}

function resolve({ value, valueFrom }: EnvVar, scope: Scope): Found {
  if (valueFrom === undefined) return { value: expand(value ?? '', scope.lookUp) };
  return resolveSource(valueFrom, scope);
}

function resolveSource(source: EnvVarSource, { spec, context }: Scope): Found {
  const { pod, objects } = context;
  const { namespace = '' } = pod.metadata;
  if (source.fieldRef) {
    const value = fieldValue(context, source.fieldRef);
    if (value !== undefined) return { value };
    return { why: `unsupported fieldPath: ${source.fieldRef.fieldPath}` };
  }
  if (source.resourceFieldRef) {
    const about = containerNamed(pod, source.resourceFieldRef.containerName) ?? spec;
    const value = resourceValue(context, about, source.resourceFieldRef);
    if (value !== undefined) return { value };
    return { why: `unsupported container resource: ${source.resourceFieldRef.resource}` };
  }
  if (source.configMapKeyRef) {
    const { name = '', key, optional = false } = source.configMapKeyRef;
    const object = objects.configMap(name);
    const value = object?.data?.[key];
    if (value !== undefined || optional) return { value };
    const why = `couldn't find key ${key} in ConfigMap ${namespace}/${name}`;
    return { why: object ? why : notFound('configmap', name) };
  }
  if (source.secretKeyRef) {
    const { name = '', key, optional = false } = source.secretKeyRef;
    const object = objects.secret(name);
    const value = object?.data?.[key];
    if (value !== undefined) return { value: textOf(value) };
    if (optional) return { value: undefined };
    const why = `couldn't find key ${key} in Secret ${namespace}/${name}`;
    return { why: object ? why : notFound('secret', name) };
  }
  return { value: '' };
}

const containerNamed = (pod: Pod, name: string | undefined): Container | undefined =>
  [...pod.spec.containers, ...(pod.spec.initContainers ?? [])].find((one) => one.name === name);
