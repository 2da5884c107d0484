// Who asks for a certificate is for the server to say: signers and approvers decide by it.

import type { CertificateSigningRequest } from '../../proto/generated/certificates.v1.ts';
import { type AdmissionPlugin, isResource } from './admission.ts';

export const certificateRequester: AdmissionPlugin = {
  name: 'CertificateRequester',

  mutate(request) {
    const isRequest = isResource(request, 'certificatesigningrequests', 'certificates.k8s.io');
    if (!isRequest || request.object === undefined) return;
    const { spec } = request.object as CertificateSigningRequest;
    const previous = (request.previous as CertificateSigningRequest | undefined)?.spec;
    const { name, groups, uid, extra } = request.call.user;
    const asker = previous ?? { username: name, groups: [...groups], uid, extra };
    for (const field of ['username', 'groups', 'uid', 'extra'] as const) {
      delete spec[field];
      if (asker[field] !== undefined) Object.assign(spec, { [field]: asker[field] });
    }
  },
};
