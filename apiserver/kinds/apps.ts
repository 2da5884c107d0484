// StatefulSet, DaemonSet, ReplicationController and what goes with them.

import type { ControllerRevision, DaemonSet, StatefulSet } from '../../proto/generated/apps.v1.ts';
import type {
  PodTemplate,
  PodTemplateSpec,
  ReplicationController,
} from '../../proto/generated/core.v1.ts';
import {
  CONTROLLER_REVISIONS,
  DAEMON_SETS,
  POD_TEMPLATES,
  REPLICATION_CONTROLLERS,
  STATEFUL_SETS,
} from '../../proto/generated/resources.ts';
import { AGE, NAME } from '../registry/columns.ts';
import { defineKind } from '../registry/kind.ts';
import {
  defaultTemplate,
  labelsText,
  selectorText,
  templateColumns,
  validateImmutable,
  validateNotNegative,
  validateSelector,
  validateTemplate,
  workloadColumns,
} from './template.ts';

const ALWAYS = { restartPolicies: ['Always'] } as const;

export const statefulSetKind = defineKind<StatefulSet>({
  resource: STATEFUL_SETS,
  hasStatus: true,
  hasGeneration: true,
  scale: {
    replicas: ({ spec }) => spec.replicas ?? 0,
    setReplicas(set, replicas) {
      set.spec.replicas = replicas;
    },
    statusReplicas: ({ status }) => status?.replicas ?? 0,
    selector: ({ spec }) => selectorText(spec.selector),
  },
  columns: [
    {
      name: 'Ready',
      value: ({ spec, status }) => `${status?.readyReplicas ?? 0}/${spec.replicas ?? 0}`,
    },
    ...templateColumns((object) => (object as StatefulSet).spec.template),
  ],
  defaults({ spec }) {
    defaultTemplate(spec.template);
    if (spec.updateStrategy?.type === 'RollingUpdate') {
      spec.updateStrategy.rollingUpdate = { partition: 0, ...spec.updateStrategy.rollingUpdate };
    }
    for (const claim of spec.volumeClaimTemplates ?? []) {
      claim.kind = 'PersistentVolumeClaim';
      claim.apiVersion = 'v1';
      claim.status ??= { phase: 'Pending' };
    }
  },
  prepareCreate(set) {
    set.status = { replicas: 0, availableReplicas: 0 };
  },
  validate(set, faults) {
    validateNotNegative('spec.replicas', set.spec.replicas, faults);
    validateSelector(set, 'statefulset', faults);
    validateTemplate(templateWithClaims(set), 'spec.template', { faults, ...ALWAYS });
  },
  validateUpdate({ spec }, { spec: previous }, faults) {
    for (const field of ['selector', 'serviceName', 'podManagementPolicy'] as const) {
      const change = { value: spec[field], previous: previous[field] };
      validateImmutable(`spec.${field}`, change, faults);
    }
  },
});

/** The template as its pods will have it: every claim becomes a volume of its name. */
function templateWithClaims({ spec }: StatefulSet): PodTemplateSpec | undefined {
  const { template, volumeClaimTemplates = [] } = spec;
  if (template?.spec === undefined) return template;
  const { volumes = [] } = template.spec;
  const taken = new Set(volumes.map(({ name }) => name));
  const claims = volumeClaimTemplates.flatMap((claim) => {
    // Without metadata there is no name: a fault, but none of the template's.
    const { name } = (claim as Partial<typeof claim>).metadata ?? {};
    if (!name || taken.has(name)) return [];
    return [{ name, persistentVolumeClaim: { claimName: name } }];
  });
  return { ...template, spec: { ...template.spec, volumes: [...volumes, ...claims] } };
}

export const daemonSetKind = defineKind<DaemonSet>({
  resource: DAEMON_SETS,
  hasStatus: true,
  hasGeneration: true,
  columns: [
    {
      name: 'Desired',
      type: 'integer',
      value: ({ status }) => status?.desiredNumberScheduled ?? 0,
    },
    {
      name: 'Current',
      type: 'integer',
      value: ({ status }) => status?.currentNumberScheduled ?? 0,
    },
    { name: 'Ready', type: 'integer', value: ({ status }) => status?.numberReady ?? 0 },
    {
      name: 'Up-to-date',
      type: 'integer',
      value: ({ status }) => status?.updatedNumberScheduled ?? 0,
    },
    { name: 'Available', type: 'integer', value: ({ status }) => status?.numberAvailable ?? 0 },
    { name: 'Node Selector', value: ({ spec }) => labelsText(spec.template?.spec?.nodeSelector) },
    ...workloadColumns,
  ],
  defaults({ spec }) {
    defaultTemplate(spec.template);
    if (spec.updateStrategy?.type === 'RollingUpdate') {
      const { rollingUpdate } = spec.updateStrategy;
      spec.updateStrategy.rollingUpdate = { maxUnavailable: 1, maxSurge: 0, ...rollingUpdate };
    }
  },
  prepareCreate(set) {
    set.status = {
      currentNumberScheduled: 0,
      numberMisscheduled: 0,
      desiredNumberScheduled: 0,
      numberReady: 0,
    };
  },
  validate(set, faults) {
    validateSelector(set, 'daemonset', faults);
    validateTemplate(set.spec.template, 'spec.template', { faults, ...ALWAYS });
  },
  validateUpdate({ spec: { selector: value } }, { spec: { selector: previous } }, faults) {
    validateImmutable('spec.selector', { value, previous }, faults);
  },
});

export const controllerRevisionKind = defineKind<ControllerRevision>({
  resource: CONTROLLER_REVISIONS,
  columns: [
    {
      name: 'Controller',
      value({ metadata }) {
        const owner = metadata.ownerReferences?.find(({ controller }) => controller === true);
        if (owner === undefined) return '<none>';
        const [group = ''] = owner.apiVersion.split('/');
        return `${owner.kind.toLowerCase()}.${group}/${owner.name}`;
      },
    },
    { name: 'Revision', value: ({ revision }) => String(revision) },
  ],
  validateUpdate({ data: value }, { data: previous }, faults) {
    validateImmutable('data', { value, previous }, faults);
  },
});

export const replicationControllerKind = defineKind<ReplicationController>({
  resource: REPLICATION_CONTROLLERS,
  hasStatus: true,
  hasGeneration: true,
  fields: { 'status.replicas': ({ status }) => String(status?.replicas ?? 0) },
  scale: {
    replicas: ({ spec }) => spec.replicas ?? 0,
    setReplicas(controller, replicas) {
      controller.spec.replicas = replicas;
    },
    statusReplicas: ({ status }) => status?.replicas ?? 0,
    selector: ({ spec }) => labelsText(spec.selector),
  },
  columns: [
    { name: 'Desired', type: 'integer', value: ({ spec }) => spec.replicas ?? 0 },
    { name: 'Current', type: 'integer', value: ({ status }) => status?.replicas ?? 0 },
    { name: 'Ready', type: 'integer', value: ({ status }) => status?.readyReplicas ?? 0 },
    ...templateColumns((object) => (object as ReplicationController).spec.template),
    { name: 'Selector', wide: true, value: ({ spec }) => labelsText(spec.selector) },
  ],
  defaults({ metadata, spec }) {
    defaultTemplate(spec.template);
    const labels = spec.template?.metadata?.labels;
    if (labels === undefined) return;
    spec.selector ??= { ...labels };
    metadata.labels ??= { ...labels };
  },
  prepareCreate(controller) {
    controller.status = { replicas: 0 };
  },
  validate({ spec }, faults) {
    validateNotNegative('spec.replicas', spec.replicas, faults);
    if (!spec.selector) faults.required('spec.selector');
    if (!spec.template) faults.required('spec.template');
    validateTemplate(spec.template, 'spec.template', { faults, ...ALWAYS });
  },
});

export const podTemplateKind = defineKind<PodTemplate>({
  resource: POD_TEMPLATES,
  hasAllColumns: true,
  columns: [
    NAME,
    ...templateColumns((object) => (object as PodTemplate).template).map(
      ({ wide: _, ...column }) => column,
    ),
    { name: 'Pod Labels', value: ({ template }) => labelsText(template?.metadata?.labels) },
    AGE,
  ],
  defaults: ({ template }) => defaultTemplate(template),
  validate({ template }, faults) {
    const restartPolicies = ['Always', 'OnFailure', 'Never'];
    validateTemplate(template, 'template', { faults, restartPolicies });
  },
});
