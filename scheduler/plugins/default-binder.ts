// Writes the decision to the API: the pod's Binding.

import type { Transport } from '../../machinery/transport.ts';
import type { BindPlugin } from '../framework.ts';

export const defaultBinder = (transport: Pick<Transport, 'bind'>) =>
  ({
    name: 'DefaultBinder',

    async bind({ pod: { metadata } }, nodeName) {
      const { namespace, name, uid } = metadata;
      await transport.bind({ namespace, name, uid }, nodeName);
      return 'bound';
    },
  }) satisfies BindPlugin;
