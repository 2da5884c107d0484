// Faults of a pod's spec, for pods and for every template that makes pods.

import {
  isDnsLabel,
  isDnsSubdomain,
  isLabelValue,
  isQualifiedName,
} from '../../machinery/names.ts';
import type { Faults } from '../../machinery/validation.ts';
import type { Container, PodSpec, Toleration } from '../../proto/generated/core.v1.ts';
import { validateLabels } from '../registry/metadata.ts';
import { type PodScope, validateContainer } from './container-validation.ts';
import { validateVolumes } from './volume-validation.ts';

const ACTIVE_DEADLINE_MAX = 2 ** 31 - 1;

export function validatePodSpec(spec: PodSpec, path: string, faults: Faults): void {
  const volumes = validateVolumes(spec.volumes ?? [], `${path}.volumes`, faults);
  const scope: PodScope = { volumes, hostNetwork: spec.hostNetwork === true };
  if (!spec.containers?.length) faults.required(`${path}.containers`);
  validateAllContainers(spec, path, { scope, faults });
  validateHostPorts(spec, path, faults);
  validateNumbers(spec, path, faults);
  validateNames(spec, path, faults);
  validateLabels(spec.nodeSelector, `${path}.nodeSelector`, faults);
  if (spec.dnsPolicy === 'None' && !spec.dnsConfig?.nameservers?.length) {
    const why = `must provide at least one DNS nameserver when \`dnsPolicy\` is None`;
    faults.required(`${path}.dnsConfig.nameservers`, why);
  }
  for (const [index, toleration] of (spec.tolerations ?? []).entries()) {
    validateToleration(toleration, `${path}.tolerations[${index}]`, faults);
  }
  for (const [index, { maxSkew }] of (spec.topologySpreadConstraints ?? []).entries()) {
    if (maxSkew > 0) continue;
    const field = `${path}.topologySpreadConstraints[${index}].maxSkew`;
    faults.invalid(field, maxSkew, 'must be greater than zero');
  }
}

function validateAllContainers(
  spec: PodSpec,
  path: string,
  { scope, faults }: { readonly scope: PodScope; readonly faults: Faults },
): void {
  const names = new Set<string>();
  const lists: readonly (readonly [string, readonly Container[]])[] = [
    [`${path}.initContainers`, spec.initContainers ?? []],
    [`${path}.containers`, spec.containers ?? []],
  ];
  for (const [at, containers] of lists) {
    for (const [index, container] of containers.entries()) {
      const here = `${at}[${index}]`;
      validateContainer(container, here, { scope, faults });
      if (container.name && names.has(container.name)) {
        faults.duplicate(`${here}.name`, container.name);
      }
      names.add(container.name);
    }
  }
  for (const [index, container] of (spec.initContainers ?? []).entries()) {
    validateInitContainer(container, `${path}.initContainers[${index}]`, faults);
  }
}

function validateInitContainer(container: Container, path: string, faults: Faults): void {
  if (container.restartPolicy === 'Always') return;
  for (const field of ['lifecycle', 'livenessProbe', 'readinessProbe', 'startupProbe'] as const) {
    if (container[field] === undefined) continue;
    const why = 'may not be set for init containers without restartPolicy=Always';
    faults.forbidden(`${path}.${field}`, why);
  }
}

function validateHostPorts({ containers = [] }: PodSpec, path: string, faults: Faults): void {
  const taken = new Set<string>();
  for (const [index, { ports = [] }] of containers.entries()) {
    for (const [at, { hostPort, hostIP, protocol }] of ports.entries()) {
      if (hostPort === undefined) continue;
      const key = `${hostIP ?? ''}/${protocol}/${hostPort}`;
      if (taken.has(key)) {
        faults.duplicate(`${path}.containers[${index}].ports[${at}].hostPort`, key);
      }
      taken.add(key);
    }
  }
}

function validateNumbers(spec: PodSpec, path: string, faults: Faults): void {
  const { activeDeadlineSeconds: deadline, terminationGracePeriodSeconds: grace } = spec;
  if (deadline !== undefined && (deadline < 1 || deadline > ACTIVE_DEADLINE_MAX)) {
    const why = `must be between 1 and ${ACTIVE_DEADLINE_MAX}, inclusive`;
    faults.invalid(`${path}.activeDeadlineSeconds`, deadline, why);
  }
  if (grace !== undefined && grace < 0) {
    const why = 'must be greater than or equal to 0';
    faults.invalid(`${path}.terminationGracePeriodSeconds`, grace, why);
  }
}

function validateNames(spec: PodSpec, path: string, faults: Faults): void {
  const names = [
    ['serviceAccountName', isDnsSubdomain],
    ['nodeName', isDnsSubdomain],
    ['priorityClassName', isDnsSubdomain],
    ['runtimeClassName', isDnsSubdomain],
    ['hostname', isDnsLabel],
    ['subdomain', isDnsLabel],
  ] as const;
  for (const [field, check] of names) {
    const value = spec[field];
    if (!value) continue;
    for (const why of check(value)) faults.invalid(`${path}.${field}`, value, why);
  }
  for (const [index, { name }] of (spec.schedulingGates ?? []).entries()) {
    if (!name) continue;
    for (const why of isQualifiedName(name)) {
      faults.invalid(`${path}.schedulingGates[${index}].name`, name, why);
    }
  }
}

function validateToleration(toleration: Toleration, path: string, faults: Faults): void {
  const { key, operator = 'Equal', value, effect, tolerationSeconds } = toleration;
  if (key) for (const why of isQualifiedName(key)) faults.invalid(`${path}.key`, key, why);
  else if (operator !== 'Exists') {
    const why =
      'operator must be Exists when `key` is empty, which means "match all values and all keys"';
    faults.invalid(`${path}.operator`, operator, why);
  }
  if (tolerationSeconds !== undefined && effect !== 'NoExecute') {
    const why = "effect must be 'NoExecute' when `tolerationSeconds` is set";
    faults.invalid(`${path}.effect`, effect ?? '', why);
  }
  if (operator === 'Exists' && value) {
    const why = "value must be empty when `operator` is 'Exists'";
    faults.invalid(`${path}.operator`, toleration, why);
  }
  if (operator === 'Equal' && value) {
    for (const why of isLabelValue(value)) faults.invalid(`${path}.operator`, value, why);
  }
}
