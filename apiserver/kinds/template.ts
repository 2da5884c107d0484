// What kinds that make pods from a template share: defaults, faults, columns.

import { deepEqual } from '../../machinery/equality.ts';
import { hasReason } from '../../machinery/errors.ts';
import { type Selector, selectorOf } from '../../machinery/labels.ts';
import type { Faults } from '../../machinery/validation.ts';
import type { PodTemplateSpec } from '../../proto/generated/core.v1.ts';
import type { LabelSelector } from '../../proto/generated/meta.v1.ts';
import type { ApiObject } from '../../proto/resource.ts';
import type { Column } from '../registry/kind.ts';
import { validateAnnotations, validateLabels } from '../registry/metadata.ts';
import { defaultPodSpec } from './pod-defaults.ts';
import { validatePodSpec } from './pod-validation.ts';

/** A kind that has a template where Deployment has it. */
export interface Templated extends ApiObject {
  spec: { template?: PodTemplateSpec; selector?: LabelSelector };
}

export function defaultTemplate(template: PodTemplateSpec | undefined): void {
  if (template?.spec) defaultPodSpec(template.spec);
}

/** `restartPolicies`: the ones that make sense for pods of this kind. */
export function validateTemplate(
  template: PodTemplateSpec | undefined,
  path: string,
  at: { readonly faults: Faults; readonly restartPolicies: readonly string[] },
): void {
  if (template === undefined) return;
  const { faults, restartPolicies } = at;
  validateLabels(template.metadata?.labels, `${path}.metadata.labels`, faults);
  validateAnnotations(template.metadata?.annotations, `${path}.metadata.annotations`, faults);
  if (template.spec === undefined) return;
  validatePodSpec(template.spec, `${path}.spec`, faults);
  const { restartPolicy, activeDeadlineSeconds } = template.spec;
  if (restartPolicy !== undefined && !restartPolicies.includes(restartPolicy)) {
    faults.notSupported(`${path}.spec.restartPolicy`, restartPolicy, restartPolicies);
  }
  if (activeDeadlineSeconds !== undefined && restartPolicies.includes('Always')) {
    const why = 'activeDeadlineSeconds in a template of pods that always restart is not supported';
    faults.forbidden(`${path}.spec.activeDeadlineSeconds`, why);
  }
}

/** A selector that would not find the pods of its own template makes pods without end. */
export function validateSelector(
  { spec: { selector, template } }: Templated,
  what: string,
  faults: Faults,
): void {
  if (selector === undefined) return;
  if (!selector.matchLabels && !selector.matchExpressions) {
    const why = `empty selector is invalid for ${what}`;
    faults.invalid('spec.selector', selector, why);
    return;
  }
  const compiled = compiledSelector(selector, 'spec.selector', faults);
  if (compiled === undefined || template === undefined) return;
  const labels = template.metadata?.labels;
  if (compiled.matches(labels)) return;
  const why = '`selector` does not match template `labels`';
  faults.invalid('spec.template.metadata.labels', labels ?? {}, why);
}

/** Undefined, and a fault, for what is no selector. */
export function compiledSelector(
  selector: LabelSelector,
  field: string,
  faults: Faults,
): Selector | undefined {
  // Without a key it is at fault already, by the schema.
  if (selector.matchExpressions?.some(({ key }) => !key)) return undefined;
  try {
    return selectorOf(selector);
  } catch (error) {
    if (!hasReason(error, 'BadRequest')) throw error;
    faults.invalid(field, selector, error.message);
    return undefined;
  }
}

export function validateImmutable(
  field: string,
  { value, previous }: { readonly value: unknown; readonly previous: unknown },
  faults: Faults,
): void {
  if (!deepEqual(value, previous)) faults.invalid(field, value, 'field is immutable');
}

export function validateNotNegative(
  field: string,
  value: number | undefined,
  faults: Faults,
): void {
  if (value === undefined || value >= 0) return;
  faults.invalid(field, value, 'must be greater than or equal to 0');
}

/** As kubectl shows a selector. */
export function selectorText(selector: LabelSelector | undefined): string {
  if (selector === undefined) return '<none>';
  try {
    const compiled = selectorOf(selector);
    return compiled.isEverything ? '<none>' : compiled.toString();
  } catch {
    return '<error>';
  }
}

export const labelsText = (labels: Readonly<Record<string, string>> | undefined): string => {
  const pairs = Object.entries(labels ?? {}).map(([key, value]) => `${key}=${value}`);
  return pairs.length === 0 ? '<none>' : pairs.sort().join(',');
};

/** CONTAINERS and IMAGES of `-o wide`. */
export const templateColumns = (
  templateOf: (object: ApiObject) => PodTemplateSpec | undefined,
): readonly Column<ApiObject>[] => [
  {
    name: 'Containers',
    wide: true,
    description: 'Names of the containers in the template.',
    value: (object) => namesOf(templateOf(object)).join(','),
  },
  {
    name: 'Images',
    wide: true,
    description: 'Images of the containers in the template.',
    value: (object) => imagesOf(templateOf(object)).join(','),
  },
];

/** Containers and images, then the selector, of kinds shaped as Deployment is. */
export const workloadColumns: readonly Column<ApiObject>[] = [
  ...templateColumns((object) => (object as Templated).spec.template),
  {
    name: 'Selector',
    wide: true,
    description: 'Labels of the pods that belong to it.',
    value: (object) => selectorText((object as Templated).spec.selector),
  },
];

const namesOf = (template: PodTemplateSpec | undefined): readonly string[] =>
  (template?.spec?.containers ?? []).map(({ name }) => name);
const imagesOf = (template: PodTemplateSpec | undefined): readonly string[] =>
  (template?.spec?.containers ?? []).map(({ image }) => image ?? '');
