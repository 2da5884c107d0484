// Faults of a container: what the schema cannot say. Texts have the shape that upstream prints.

import {
  inclusiveRange,
  isConfigMapKey,
  isDnsLabel,
  isEnvVarName,
  isPortName,
  isQualifiedName,
} from '../../machinery/names.ts';
import { parseQuantity } from '../../machinery/quantity.ts';
import type { Faults } from '../../machinery/validation.ts';
import type {
  Container,
  ContainerPort,
  EnvVar,
  Probe,
  ResourceRequirements,
  VolumeMount,
} from '../../proto/generated/core.v1.ts';

/** What a container may refer to in its pod. */
export interface PodScope {
  readonly volumes: ReadonlySet<string>;
  readonly hostNetwork: boolean;
}

export function validateContainer(
  container: Container,
  path: string,
  { scope, faults }: { readonly scope: PodScope; readonly faults: Faults },
): void {
  if (container.name) {
    for (const why of isDnsLabel(container.name))
      faults.invalid(`${path}.name`, container.name, why);
  }
  if (!container.image) faults.required(`${path}.image`);
  else if (container.image !== container.image.trim()) {
    const why = 'must not have leading or trailing whitespace';
    faults.invalid(`${path}.image`, container.image, why);
  }
  if (container.ports) validatePorts(container.ports, `${path}.ports`, { scope, faults });
  if (container.env) validateEnv(container.env, `${path}.env`, faults);
  validateEnvFrom(container, path, faults);
  if (container.volumeMounts) {
    validateMounts(container.volumeMounts, `${path}.volumeMounts`, { scope, faults });
  }
  if (container.resources) validateResources(container.resources, `${path}.resources`, faults);
  for (const name of ['livenessProbe', 'readinessProbe', 'startupProbe'] as const) {
    const probe = container[name];
    if (probe) validateProbe(probe, `${path}.${name}`, faults);
    const isOnceOnly = name !== 'readinessProbe';
    if (probe && isOnceOnly && (probe.successThreshold ?? 1) !== 1) {
      faults.invalid(`${path}.${name}.successThreshold`, probe.successThreshold, 'must be 1');
    }
  }
}

function validatePorts(
  ports: readonly ContainerPort[],
  path: string,
  { scope, faults }: { readonly scope: PodScope; readonly faults: Faults },
): void {
  const names = new Set<string>();
  for (const [index, port] of ports.entries()) {
    const at = `${path}[${index}]`;
    if (port.name) {
      for (const why of isPortName(port.name)) faults.invalid(`${at}.name`, port.name, why);
      if (names.has(port.name)) faults.duplicate(`${at}.name`, port.name);
      names.add(port.name);
    }
    if (!port.containerPort) faults.required(`${at}.containerPort`);
    else portRange(port.containerPort, `${at}.containerPort`, faults);
    if (port.hostPort === undefined) continue;
    portRange(port.hostPort, `${at}.hostPort`, faults);
    if (scope.hostNetwork && port.hostPort !== port.containerPort) {
      const why = 'must match `hostPort` when `hostNetwork` is true';
      faults.invalid(`${at}.containerPort`, port.containerPort, why);
    }
  }
}

function portRange(port: number, field: string, faults: Faults): void {
  if (port < 1 || port > 65535) faults.invalid(field, port, inclusiveRange(1, 65535));
}

function validateEnv(env: readonly EnvVar[], path: string, faults: Faults): void {
  for (const [index, { name, value, valueFrom }] of env.entries()) {
    const at = `${path}[${index}]`;
    if (name) for (const why of isEnvVarName(name)) faults.invalid(`${at}.name`, name, why);
    if (valueFrom === undefined) continue;
    const sources = Object.keys(valueFrom);
    if (sources.length === 0) {
      const why =
        'must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`';
      faults.invalid(`${at}.valueFrom`, '', why);
    } else if (value) {
      faults.invalid(`${at}.valueFrom`, '', 'may not be specified when `value` is not empty');
    } else if (sources.length > 1) {
      faults.invalid(`${at}.valueFrom`, '', 'may not have more than one field specified at a time');
    }
    for (const source of ['configMapKeyRef', 'secretKeyRef'] as const) {
      const key = valueFrom[source]?.key;
      if (!key) continue;
      for (const why of isConfigMapKey(key)) {
        faults.invalid(`${at}.valueFrom.${source}.key`, key, why);
      }
    }
  }
}

function validateEnvFrom({ envFrom = [] }: Container, path: string, faults: Faults): void {
  for (const [index, { configMapRef, secretRef }] of envFrom.entries()) {
    const at = `${path}.envFrom[${index}]`;
    if (configMapRef && secretRef) {
      faults.invalid(at, '', 'may not have more than one field specified at a time');
    } else if (!configMapRef && !secretRef) {
      faults.invalid(at, '', 'must specify one of: `configMapRef` or `secretRef`');
    }
    if (configMapRef && !configMapRef.name) faults.required(`${at}.configMapRef.name`);
    if (secretRef && !secretRef.name) faults.required(`${at}.secretRef.name`);
  }
}

function validateMounts(
  mounts: readonly VolumeMount[],
  path: string,
  { scope, faults }: { readonly scope: PodScope; readonly faults: Faults },
): void {
  const paths = new Set<string>();
  for (const [index, { name, mountPath, subPath, subPathExpr }] of mounts.entries()) {
    const at = `${path}[${index}]`;
    if (name && !scope.volumes.has(name)) faults.notFound(`${at}.name`, name);
    if (mountPath) {
      if (paths.has(mountPath)) faults.invalid(`${at}.mountPath`, mountPath, 'must be unique');
      paths.add(mountPath);
    }
    validateSubPath(subPath, `${at}.subPath`, faults);
    validateSubPath(subPathExpr, `${at}.subPathExpr`, faults);
    if (subPath && subPathExpr) {
      faults.invalid(
        `${at}.subPathExpr`,
        subPathExpr,
        'subPathExpr and subPath are mutually exclusive',
      );
    }
  }
}

/** A path inside a volume never leaves it. */
export function validateSubPath(path: string | undefined, field: string, faults: Faults): void {
  if (!path) return;
  if (path.startsWith('/')) faults.invalid(field, path, 'must be a relative path');
  if (path.split('/').includes('..')) faults.invalid(field, path, "must not contain '..'");
}

export function validateResources(
  { requests = {}, limits = {} }: ResourceRequirements,
  path: string,
  faults: Faults,
): void {
  validateQuantities(limits, `${path}.limits`, faults);
  validateQuantities(requests, `${path}.requests`, faults);
  for (const [name, request] of Object.entries(requests)) {
    // Names come from outside: `constructor` is no limit of anybody.
    const limit = Object.hasOwn(limits, name) ? limits[name] : undefined;
    if (limit === undefined || parseQuantity(request).compare(parseQuantity(limit)) <= 0) continue;
    const why = `must be less than or equal to ${name} limit of ${limit}`;
    faults.invalid(`${path}.requests`, request, why);
  }
}

function validateQuantities(
  amounts: Readonly<Record<string, string>>,
  path: string,
  faults: Faults,
): void {
  for (const [name, amount] of Object.entries(amounts)) {
    const at = `${path}[${name}]`;
    for (const why of isQualifiedName(name)) faults.invalid(at, name, why);
    if (!name.includes('/') && !STANDARD_RESOURCES.test(name)) {
      faults.invalid(at, name, 'must be a standard resource for containers');
    }
    if (amount.startsWith('-')) {
      faults.invalid(at, amount, 'must be greater than or equal to 0');
    }
  }
}

const STANDARD_RESOURCES = /^(?:cpu|memory|ephemeral-storage|hugepages-.+)$/;

function validateProbe(probe: Probe, path: string, faults: Faults): void {
  const handlers = (['exec', 'httpGet', 'tcpSocket', 'grpc'] as const).filter(
    (name) => probe[name] !== undefined,
  );
  if (handlers.length === 0) faults.required(path, 'must specify a handler type');
  for (const extra of handlers.slice(1)) {
    faults.forbidden(`${path}.${extra}`, 'may not specify more than 1 handler type');
  }
  if (probe.exec && !probe.exec.command?.length) faults.required(`${path}.exec.command`);
  if (probe.httpGet && !probe.httpGet.path) faults.required(`${path}.httpGet.path`);
  for (const name of ['httpGet', 'tcpSocket'] as const) {
    const port = probe[name]?.port;
    if (typeof port === 'number') portRange(port, `${path}.${name}.port`, faults);
    else if (port) {
      for (const why of isPortName(port)) faults.invalid(`${path}.${name}.port`, port, why);
    }
  }
  for (const name of PROBE_NUMBERS) {
    const value = probe[name];
    const min = name === 'initialDelaySeconds' ? 0 : 1;
    if (value === undefined || value >= min) continue;
    faults.invalid(`${path}.${name}`, value, `must be greater than or equal to ${min}`);
  }
}

const PROBE_NUMBERS = [
  'initialDelaySeconds',
  'timeoutSeconds',
  'periodSeconds',
  'successThreshold',
  'failureThreshold',
] as const;
