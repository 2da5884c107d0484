// Namespace: a scope for names. It goes only when everything in it has gone; until then the
// finalizer in its spec holds it, which only the `finalize` subresource can take away.

import { isDnsLabel } from '../../machinery/names.ts';
import type { Namespace } from '../../proto/generated/core.v1.ts';
import { NAMESPACES } from '../../proto/generated/resources.ts';
import { defineKind } from '../registry/kind.ts';

const FINALIZER = 'kubernetes';
const NAME_LABEL = 'kubernetes.io/metadata.name';

export const namespaceKind = defineKind<Namespace>({
  resource: NAMESPACES,
  hasStatus: true,
  subresources: ['finalize'],
  validName: isDnsLabel,

  fields: { 'status.phase': ({ status }) => status?.phase ?? '' },
  columns: [{ name: 'Status', value: ({ status }) => status?.phase ?? '' }],

  finalizers: ({ spec }) => spec.finalizers ?? [],

  defaults({ metadata }) {
    if (metadata.name) metadata.labels = { ...metadata.labels, [NAME_LABEL]: metadata.name };
  },

  prepareCreate(namespace) {
    namespace.status = { phase: 'Active' };
    const others = (namespace.spec.finalizers ?? []).filter((one) => one !== FINALIZER);
    namespace.spec.finalizers = [...others, FINALIZER];
  },

  prepareUpdate({ spec }, { spec: { finalizers } }) {
    if (finalizers === undefined) delete spec.finalizers;
    else spec.finalizers = finalizers;
  },

  prepareDelete(namespace) {
    namespace.status = { ...namespace.status, phase: 'Terminating' };
  },
});
