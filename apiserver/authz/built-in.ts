// What the system's own users may do, as tables of rules: each component what it needs and no
// more. Everybody else is governed by the RBAC objects in the cluster.

import type { PolicyRule } from '../../proto/generated/rbac.v1.ts';

const READ = ['get', 'list', 'watch'];
const WRITE = ['create', 'update', 'patch', 'delete'];
const EVENT_GROUPS = ['', 'events.k8s.io'];

const on = (groups: string[], resources: string[], verbs: string[]): PolicyRule => ({
  apiGroups: groups,
  resources,
  verbs,
});

const EVENTS = on(EVENT_GROUPS, ['events'], ['create', 'update', 'patch']);
const LEADER_LEASES = on(['coordination.k8s.io'], ['leases'], ['get', 'create', 'update', 'patch']);

/** Anybody, even without credentials. */
export const PUBLIC: readonly PolicyRule[] = [
  {
    verbs: ['get'],
    nonResourceURLs: [
      '/healthz',
      '/healthz/*',
      '/livez',
      '/livez/*',
      '/readyz',
      '/readyz/*',
      '/version',
      '/version/',
    ],
  },
];

/** Everybody who is authenticated: discovery, and questions about oneself. */
export const AUTHENTICATED_RULES: readonly PolicyRule[] = [
  {
    verbs: ['get'],
    nonResourceURLs: ['/', '/api', '/api/*', '/apis', '/apis/*', '/openapi', '/openapi/*'],
  },
  on(['authorization.k8s.io'], ['selfsubjectaccessreviews', 'selfsubjectrulesreviews'], ['create']),
  on(['authentication.k8s.io'], ['selfsubjectreviews'], ['create']),
];

const SCHEDULER: readonly PolicyRule[] = [
  on([''], ['pods', 'nodes', 'namespaces', 'services', 'replicationcontrollers'], READ),
  on([''], ['persistentvolumes', 'persistentvolumeclaims'], [...READ, 'update', 'patch']),
  on(['apps'], ['replicasets', 'statefulsets'], READ),
  on(['policy'], ['poddisruptionbudgets'], READ),
  on(['scheduling.k8s.io'], ['priorityclasses'], READ),
  on(
    ['storage.k8s.io'],
    ['storageclasses', 'csinodes', 'csidrivers', 'csistoragecapacities', 'volumeattachments'],
    READ,
  ),
  on([''], ['pods/binding', 'bindings'], ['create']),
  on([''], ['pods/status'], ['update', 'patch']),
  on([''], ['pods'], ['delete']),
  EVENTS,
  LEADER_LEASES,
];

/** Controllers create and delete what others own; they may not speak for other users. */
const CONTROLLER_MANAGER: readonly PolicyRule[] = [
  on(['*'], ['*'], READ),
  on(
    [''],
    [
      'pods',
      'pods/status',
      'pods/finalizers',
      'replicationcontrollers',
      'replicationcontrollers/status',
      'endpoints',
      'configmaps',
      'secrets',
      'serviceaccounts',
      'services',
      'services/status',
      'nodes',
      'nodes/status',
      'namespaces/status',
      'namespaces/finalize',
      'namespaces',
      'persistentvolumes',
      'persistentvolumes/status',
      'persistentvolumeclaims',
      'persistentvolumeclaims/status',
      'resourcequotas/status',
    ],
    [...WRITE, 'deletecollection'],
  ),
  on([''], ['serviceaccounts/token', 'pods/eviction'], ['create']),
  on(['apps', 'batch', 'discovery.k8s.io', 'autoscaling', 'policy'], ['*'], WRITE),
  on(['*'], ['*/scale'], ['get', 'update', 'patch']),
  // Garbage collection and namespace deletion reach every kind.
  on(['*'], ['*'], ['delete', 'deletecollection', 'patch', 'update']),
  on(['authentication.k8s.io'], ['tokenreviews'], ['create']),
  on(['authorization.k8s.io'], ['subjectaccessreviews'], ['create']),
  EVENTS,
  LEADER_LEASES,
];

const PROXY: readonly PolicyRule[] = [
  on([''], ['services', 'endpoints', 'nodes', 'namespaces'], READ),
  on(['discovery.k8s.io'], ['endpointslices'], READ),
  on(['networking.k8s.io'], ['servicecidrs'], READ),
  EVENTS,
];

const DNS: readonly PolicyRule[] = [
  on([''], ['services', 'endpoints', 'nodes', 'namespaces', 'pods'], READ),
  on(['discovery.k8s.io'], ['endpointslices'], READ),
];

const NODE: readonly PolicyRule[] = [
  on([''], ['nodes', 'pods', 'services', 'configmaps', 'secrets', 'serviceaccounts'], READ),
  on([''], ['persistentvolumes', 'persistentvolumeclaims', 'namespaces'], READ),
  on([''], ['nodes'], ['create', 'update', 'patch']),
  on([''], ['nodes/status'], ['update', 'patch']),
  on([''], ['pods'], ['create', 'delete']),
  on([''], ['pods/status'], ['update', 'patch']),
  on([''], ['pods/eviction', 'serviceaccounts/token'], ['create']),
  on(['coordination.k8s.io'], ['leases'], ['get', 'create', 'update', 'patch', 'delete']),
  on(['node.k8s.io'], ['runtimeclasses'], READ),
  on(['storage.k8s.io'], ['csidrivers', 'csinodes', 'volumeattachments'], READ),
  on(['authentication.k8s.io'], ['tokenreviews'], ['create']),
  on(['authorization.k8s.io'], ['subjectaccessreviews'], ['create']),
  EVENTS,
];

export const RULES_OF_USER: Readonly<Record<string, readonly PolicyRule[]>> = {
  'system:kube-scheduler': SCHEDULER,
  'system:kube-controller-manager': CONTROLLER_MANAGER,
  'system:kube-proxy': PROXY,
  'system:dns': DNS,
};

export const RULES_OF_GROUP: Readonly<Record<string, readonly PolicyRule[]>> = {
  'system:nodes': NODE,
  // One process that simulates many nodes: a node's rights, for any node.
  'wherry:hollow-nodes': NODE,
};
