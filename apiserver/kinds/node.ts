// Node: a machine that runs pods.

import { isLabelValue, isQualifiedName } from '../../machinery/names.ts';
import type { Faults } from '../../machinery/validation.ts';
import type { Node, Taint } from '../../proto/generated/core.v1.ts';
import { NODES } from '../../proto/generated/resources.ts';
import type { ApiObject } from '../../proto/resource.ts';
import { AGE, NAME } from '../registry/columns.ts';
import { type Column, defineKind } from '../registry/kind.ts';

const ROLE_PREFIX = 'node-role.kubernetes.io/';
const ROLE_LABEL = 'kubernetes.io/role';

const infoColumn = (
  name: string,
  field: 'osImage' | 'kernelVersion' | 'containerRuntimeVersion',
): Column<Node> => ({
  name,
  wide: true,
  value: ({ status }) => status?.nodeInfo?.[field] || '<unknown>',
});

const addressColumn = (name: string, type: string): Column<Node> => ({
  name,
  wide: true,
  value: ({ status }) => status?.addresses?.find((one) => one.type === type)?.address ?? '<none>',
});

export const nodeKind = defineKind<Node>({
  resource: NODES,
  // A kubelet registers its node with the status that it has.
  hasStatus: true,
  subresources: ['proxy'],

  fields: { 'spec.unschedulable': ({ spec }) => String(spec.unschedulable ?? false) },

  hasAllColumns: true,
  columns: [
    NAME as Column<ApiObject>,
    { name: 'Status', description: 'Whether the node is ready for pods.', value: statusOf },
    { name: 'Roles', description: 'Roles of the node, from its labels.', value: rolesOf },
    AGE as Column<ApiObject>,
    { name: 'Version', value: ({ status }) => status?.nodeInfo?.kubeletVersion ?? '' },
    addressColumn('Internal-IP', 'InternalIP'),
    addressColumn('External-IP', 'ExternalIP'),
    infoColumn('OS-Image', 'osImage'),
    infoColumn('Kernel-Version', 'kernelVersion'),
    infoColumn('Container-Runtime', 'containerRuntimeVersion'),
  ],

  validate({ spec }, faults) {
    validateTaints(spec.taints ?? [], faults);
  },

  validateUpdate({ spec }, { spec: previous }, faults) {
    if (previous.podCIDR && spec.podCIDR !== previous.podCIDR) {
      faults.forbidden(
        'spec.podCIDRs',
        'node updates may not change podCIDR except from "" to valid',
      );
    }
    if (previous.providerID && spec.providerID !== previous.providerID) {
      const why = 'node updates may not change providerID except from "" to valid';
      faults.forbidden('spec.providerID', why);
    }
  },
});

function statusOf({ spec, status }: Node): string {
  const ready = status?.conditions?.find(({ type }) => type === 'Ready');
  const word = ready === undefined ? 'Unknown' : ready.status === 'True' ? 'Ready' : 'NotReady';
  return spec.unschedulable ? `${word},SchedulingDisabled` : word;
}

function rolesOf({ metadata }: Node): string {
  const roles = new Set<string>();
  for (const [key, value] of Object.entries(metadata.labels ?? {})) {
    if (key.startsWith(ROLE_PREFIX) && key.length > ROLE_PREFIX.length) {
      roles.add(key.slice(ROLE_PREFIX.length));
    } else if (key === ROLE_LABEL && value !== '') roles.add(value);
  }
  return [...roles].sort().join(',') || '<none>';
}

export function validateTaints(taints: readonly Taint[], faults: Faults): void {
  const seen = new Set<string>();
  for (const [index, { key, value, effect }] of taints.entries()) {
    const at = `spec.taints[${index}]`;
    if (key) for (const why of isQualifiedName(key)) faults.invalid(`${at}.key`, key, why);
    if (value) for (const why of isLabelValue(value)) faults.invalid(`${at}.value`, value, why);
    const name = `${key}:${effect}`;
    if (seen.has(name)) faults.duplicate(at, { key, value, effect });
    seen.add(name);
  }
}
