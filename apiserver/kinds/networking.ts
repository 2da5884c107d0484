// Ingress, IngressClass and NetworkPolicy.

import type { Ingress, IngressClass, NetworkPolicy } from '../../proto/generated/networking.v1.ts';
import { INGRESS_CLASSES, INGRESSES, NETWORK_POLICIES } from '../../proto/generated/resources.ts';
import { defineKind } from '../registry/kind.ts';
import { selectorText } from './template.ts';

export const ingressKind = defineKind<Ingress>({
  resource: INGRESSES,
  hasStatus: true,
  hasGeneration: true,
  columns: [
    { name: 'Class', value: ({ spec }) => spec.ingressClassName ?? '<none>' },
    {
      name: 'Hosts',
      value: ({ spec }) =>
        (spec.rules ?? [])
          .map(({ host }) => host)
          .filter((host) => host)
          .join(',') || '*',
    },
    {
      name: 'Address',
      value: ({ status }) =>
        (status?.loadBalancer?.ingress ?? []).map(({ ip, hostname }) => ip || hostname).join(','),
    },
    { name: 'Ports', value: ({ spec }) => (spec.tls?.length ? '80, 443' : '80') },
  ],
  prepareCreate(ingress) {
    ingress.status = { loadBalancer: {} };
  },
  validate({ spec }, faults) {
    if (!spec.rules?.length && spec.defaultBackend === undefined) {
      faults.invalid('spec', spec, 'either `defaultBackend` or `rules` must be specified');
    }
  },
});

export const ingressClassKind = defineKind<IngressClass>({
  resource: INGRESS_CLASSES,
  hasGeneration: true,
  columns: [
    { name: 'Controller', value: ({ spec }) => spec.controller ?? '' },
    {
      name: 'Parameters',
      value({ spec: { parameters } }) {
        if (parameters === undefined) return '<none>';
        const { apiGroup, kind, name } = parameters;
        return apiGroup ? `${kind}.${apiGroup}/${name}` : `${kind}/${name}`;
      },
    },
  ],
});

export const networkPolicyKind = defineKind<NetworkPolicy>({
  resource: NETWORK_POLICIES,
  hasGeneration: true,
  columns: [{ name: 'Pod-Selector', value: ({ spec }) => selectorText(spec.podSelector) }],
  defaults({ spec }) {
    spec.podSelector ??= {};
    spec.policyTypes ??= spec.egress?.length ? ['Ingress', 'Egress'] : ['Ingress'];
  },
});
