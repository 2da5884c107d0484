// Service: one address in front of pods. Addresses and node ports are given out elsewhere
// (registry/service-addresses.ts); here is what may be asked for and how it is shown.

import { deepEqual } from '../../machinery/equality.ts';
import { isDns1035Label } from '../../machinery/names.ts';
import type { Service, ServicePort, ServiceSpec } from '../../proto/generated/core.v1.ts';
import { SERVICES } from '../../proto/generated/resources.ts';
import { defineKind } from '../registry/kind.ts';
import { validateService, validateServiceUpdate } from './service-validation.ts';
import { labelsText } from './template.ts';

/** Three hours, as upstream has it. */
const AFFINITY_SECONDS = 10_800;

export const serviceKind = defineKind<Service>({
  resource: SERVICES,
  hasStatus: true,
  subresources: ['proxy'],
  validName: isDns1035Label,

  fields: {
    'spec.clusterIP': ({ spec }) => spec.clusterIP ?? '',
    'spec.type': ({ spec }) => spec.type ?? '',
  },

  columns: [
    { name: 'Type', value: ({ spec }) => spec.type ?? '' },
    { name: 'Cluster-IP', value: ({ spec }) => spec.clusterIP || '<none>' },
    { name: 'External-IP', value: externalText },
    { name: 'Port(s)', value: ({ spec }) => portsText(spec.ports ?? []) },
    { name: 'Selector', wide: true, value: ({ spec }) => labelsText(spec.selector) },
  ],

  defaults({ spec }) {
    for (const port of spec.ports ?? []) {
      // Zero is absent to the schema's walk, so an unset target port is the port itself.
      port.targetPort ||= port.port;
    }
    if (spec.sessionAffinity === 'ClientIP') {
      spec.sessionAffinityConfig ??= { clientIP: {} };
      spec.sessionAffinityConfig.clientIP ??= {};
      spec.sessionAffinityConfig.clientIP.timeoutSeconds ??= AFFINITY_SECONDS;
    } else delete spec.sessionAffinityConfig;
    defaultPolicies(spec);
    if (spec.clusterIP) spec.clusterIPs ??= [spec.clusterIP];
    else if (spec.clusterIPs?.[0]) spec.clusterIP = spec.clusterIPs[0];
  },

  prepareCreate(service) {
    service.status = { loadBalancer: {} };
    dropUnused(service.spec);
  },

  prepareUpdate({ spec }, { spec: previous }) {
    keepGiven(spec, previous);
    dropUnused(spec);
  },

  validate: validateService,
  validateUpdate: validateServiceUpdate,
});

function defaultPolicies(spec: ServiceSpec): void {
  if (spec.type === 'ExternalName') return;
  spec.internalTrafficPolicy ??= 'Cluster';
  spec.ipFamilies ??= ['IPv4'];
  spec.ipFamilyPolicy ??= 'SingleStack';
  const isOutside = spec.type === 'NodePort' || spec.type === 'LoadBalancer';
  if (isOutside) spec.externalTrafficPolicy ??= 'Cluster';
  if (spec.type === 'LoadBalancer') spec.allocateLoadBalancerNodePorts ??= true;
}

/** Addresses and ports that the server gave stay where an update leaves them out. */
function keepGiven(spec: ServiceSpec, previous: ServiceSpec): void {
  if (spec.type !== 'ExternalName' && previous.type !== 'ExternalName') {
    if (!spec.clusterIP && previous.clusterIP) {
      spec.clusterIP = previous.clusterIP;
      if (previous.clusterIPs) spec.clusterIPs = [...previous.clusterIPs];
    } else if (spec.clusterIP && deepEqual(spec.clusterIPs, previous.clusterIPs)) {
      // A client that knows only the older of the two fields changes only that one.
      spec.clusterIPs = [spec.clusterIP];
    }
  }
  if (!hasNodePorts(spec) || !hasNodePorts(previous)) return;
  const wished = new Set((spec.ports ?? []).map(({ nodePort }) => nodePort));
  for (const port of spec.ports ?? []) {
    if (port.nodePort !== undefined) continue;
    const before = (previous.ports ?? []).find((one) => isSamePort(one, port))?.nodePort;
    if (before !== undefined && !wished.has(before)) port.nodePort = before;
  }
  if (spec.externalTrafficPolicy === 'Local' && previous.healthCheckNodePort !== undefined) {
    spec.healthCheckNodePort ??= previous.healthCheckNodePort;
  }
}

const isSamePort = (a: ServicePort, b: ServicePort): boolean =>
  a.port === b.port && a.protocol === b.protocol;

/** What makes no sense for a type goes when the type changes. */
function dropUnused(spec: ServiceSpec): void {
  if (spec.type === 'ExternalName') {
    delete spec.clusterIP;
    delete spec.clusterIPs;
    delete spec.ipFamilies;
    delete spec.ipFamilyPolicy;
    delete spec.internalTrafficPolicy;
  }
  if (!hasNodePorts(spec)) for (const port of spec.ports ?? []) delete port.nodePort;
  const isOutside = spec.type === 'NodePort' || spec.type === 'LoadBalancer';
  if (!isOutside) delete spec.externalTrafficPolicy;
  if (spec.type !== 'LoadBalancer') {
    delete spec.allocateLoadBalancerNodePorts;
    delete spec.loadBalancerClass;
  }
  if (spec.type !== 'LoadBalancer' || spec.externalTrafficPolicy !== 'Local') {
    delete spec.healthCheckNodePort;
  }
}

const hasNodePorts = ({ type }: ServiceSpec): boolean =>
  type === 'NodePort' || type === 'LoadBalancer';

function externalText({ spec, status }: Service): string {
  const own = (spec.externalIPs ?? []).join(',');
  switch (spec.type) {
    case 'ExternalName':
      return spec.externalName ?? '<none>';
    case 'LoadBalancer': {
      const given = (status?.loadBalancer?.ingress ?? []).map(({ ip, hostname }) => ip || hostname);
      return [...given, ...(own ? [own] : [])].join(',') || '<pending>';
    }
    default:
      return own || '<none>';
  }
}

const portsText = (ports: readonly ServicePort[]): string =>
  ports
    .map(({ port, nodePort, protocol }) =>
      nodePort ? `${port}:${nodePort}/${protocol}` : `${port}/${protocol}`,
    )
    .join(',') || '<none>';
