// A pod stays five minutes on a node that fails, unless it says otherwise.

import type { Pod, Toleration } from '../../proto/generated/core.v1.ts';
import { type AdmissionPlugin, isResource } from './admission.ts';

const TOLERATED_SECONDS = 300;
const FAILURES = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'] as const;

export const defaultTolerations: AdmissionPlugin = {
  name: 'DefaultTolerationSeconds',

  mutate(request) {
    const { operation, call } = request;
    // Updates too: an update that leaves the added ones out would take them away, which is refused.
    if (operation === 'DELETE' || call.subresource || !isResource(request, 'pods')) return;
    const { spec } = request.object as Pod;
    const own = spec.tolerations ?? [];
    const missing = FAILURES.filter((key) => !own.some((one) => covers(one, key)));
    if (missing.length === 0) return;
    spec.tolerations = [
      ...own,
      ...missing.map(
        (key): Toleration => ({
          key,
          operator: 'Exists',
          effect: 'NoExecute',
          tolerationSeconds: TOLERATED_SECONDS,
        }),
      ),
    ];
  },
};

const covers = ({ key, effect }: Toleration, failure: string): boolean =>
  (!key || key === failure) && (!effect || effect === 'NoExecute');
