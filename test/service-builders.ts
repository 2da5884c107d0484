// Services and their endpoint slices as the proxy sees them: valid unless told otherwise.

import type { Service, ServiceSpec } from '../proto/generated/core.v1.ts';
import type {
  Endpoint,
  EndpointConditions,
  EndpointSlice,
} from '../proto/generated/discovery.v1.ts';

/** `default/web`, port 80 named http, at 10.96.0.10. */
export const service = (spec: Partial<ServiceSpec> = {}, name = 'web'): Service => ({
  metadata: { name, namespace: 'default', uid: `uid-${name}` },
  spec: {
    type: 'ClusterIP',
    clusterIP: '10.96.0.10',
    ports: [{ name: 'http', protocol: 'TCP', port: 80 }],
    ...spec,
  },
});

/** One ready endpoint, 10.244.0.1:8080, of `default/web`. */
export const slice = (parts: Partial<EndpointSlice> = {}, serviceName = 'web'): EndpointSlice => ({
  metadata: {
    name: `${serviceName}-1`,
    namespace: 'default',
    labels: { 'kubernetes.io/service-name': serviceName },
  },
  addressType: 'IPv4',
  endpoints: [endpoint('10.244.0.1')],
  ports: [{ name: 'http', protocol: 'TCP', port: 8080 }],
  ...parts,
});

export const endpoint = (
  ip: string,
  conditions: EndpointConditions = { ready: true },
  nodeName?: string,
): Endpoint => ({ addresses: [ip], conditions, ...(nodeName !== undefined && { nodeName }) });
