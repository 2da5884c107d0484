// Nothing is made in a namespace that is not there or that is going, and a few namespaces never go.

import { forbidden, notFound, StatusError } from '../../machinery/errors.ts';
import type { Namespace } from '../../proto/generated/core.v1.ts';
import { NAMESPACES } from '../../proto/generated/resources.ts';
import type { Lookup } from '../registry/lookup.ts';
import { type AdmissionPlugin, type AdmissionRequest, isResource } from './admission.ts';

export const ETERNAL_NAMESPACES: readonly string[] = ['default', 'kube-system', 'kube-public'];

export const namespaceLifecycle = (lookup: Lookup): AdmissionPlugin => ({
  name: 'NamespaceLifecycle',

  mutate(request) {
    const { operation, namespace } = request;
    if (operation !== 'CREATE' || namespace === undefined) return;
    const cached = lookup.find(NAMESPACES, { name: namespace });
    if (cached !== undefined) return refuseTerminating(request, cached);
    // It may have been made a moment ago.
    return lookup.read(NAMESPACES, { name: namespace }).then((stored) => {
      if (stored === undefined) throw notFound(NAMESPACES, namespace);
      refuseTerminating(request, stored);
    });
  },

  validate(request) {
    const { operation, name } = request;
    if (operation !== 'DELETE' || !isResource(request, 'namespaces')) return;
    if (!ETERNAL_NAMESPACES.includes(name)) return;
    throw forbidden(NAMESPACES, name, 'this namespace may not be deleted');
  },
});

function refuseTerminating({ call, name }: AdmissionRequest, namespace: Namespace): void {
  if (namespace.metadata.deletionTimestamp === undefined) return;
  const where = namespace.metadata.name;
  const why = `unable to create new content in namespace ${where} because it is being terminated`;
  const { message, details } = forbidden(call.kind.resource, name, why);
  const cause = {
    reason: 'NamespaceTerminating',
    message: `namespace ${where} is being terminated`,
    field: 'metadata.namespace',
  };
  throw new StatusError('Forbidden', message, { details: { ...details, causes: [cause] } });
}
