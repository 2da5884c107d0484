// What the users of the simulated cluster ask for.

import type { Transport } from '../../machinery/transport.ts';
import type { Deployment } from '../../proto/generated/apps.v1.ts';
import type { Service, Toleration } from '../../proto/generated/core.v1.ts';
import { DEPLOYMENTS } from '../../proto/generated/resources.ts';
import { deployment, podTemplate, service } from '../builders.ts';

interface Wish {
  readonly replicas: number;
  readonly image?: string;
  readonly cpu?: string;
  readonly namespace?: string;
  readonly maxUnavailable?: number;
  readonly tolerationSeconds?: number;
  readonly schedulerName?: string;
}

export function app(name: string, wish: Wish): Deployment {
  const { replicas, image = 'web:1', cpu = '100m', namespace = 'default' } = wish;
  const { maxUnavailable = 1, tolerationSeconds, schedulerName = 'default-scheduler' } = wish;
  const tolerations = ['not-ready', 'unreachable'].map(
    (why): Toleration => ({
      key: `node.kubernetes.io/${why}`,
      operator: 'Exists',
      effect: 'NoExecute',
      tolerationSeconds: tolerationSeconds ?? 0,
    }),
  );
  const container = {
    name: 'main',
    image,
    ports: [{ containerPort: 8080 }],
    resources: { requests: { cpu, memory: '64Mi' } },
  };
  return deployment(name, {
    metadata: { namespace },
    spec: {
      replicas,
      selector: { matchLabels: { app: name } },
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable, maxSurge: 1 } },
      template: podTemplate(
        { app: name },
        {
          containers: [container],
          terminationGracePeriodSeconds: 2,
          schedulerName,
          ...(tolerationSeconds !== undefined && { tolerations }),
        },
      ),
    },
  });
}

export const front = (name: string, namespace = 'default'): Service =>
  service(name, {
    metadata: { namespace },
    spec: { selector: { app: name }, ports: [{ port: 80, targetPort: 8080 }] },
  });

export const scale = (name: string, replicas: number) => (api: Transport) =>
  api.patch(
    DEPLOYMENTS,
    { namespace: 'default', name },
    { type: 'merge', body: { spec: { replicas } } },
  );

export const setImage = (name: string, image: string) => (api: Transport) =>
  api.patch(
    DEPLOYMENTS,
    { namespace: 'default', name },
    {
      type: 'strategic',
      body: { spec: { template: { spec: { containers: [{ name: 'main', image }] } } } },
    },
  );
