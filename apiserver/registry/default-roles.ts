// The roles and bindings that every cluster is known to have: what tutorials, charts and dashboards
// bind to. Pure data. Names, labels and reach are upstream's defaults; what a component of our own
// may do is told by the table that it is held to.
//
//   view ⊂ edit ⊂ admin      by aggregation, so that others' roles can join by their labels

import type {
  ClusterRole,
  ClusterRoleBinding,
  PolicyRule,
  Subject,
} from '../../proto/generated/rbac.v1.ts';
import { AUTHENTICATED, MASTERS } from '../authn/user.ts';
import { AUTHENTICATED_RULES, PUBLIC, RULES_OF_GROUP, RULES_OF_USER } from '../authz/built-in.ts';

const RBAC = 'rbac.authorization.k8s.io';
const READ = ['get', 'list', 'watch'];
const WRITE = ['create', 'delete', 'deletecollection', 'patch', 'update'];
const LABELS = { 'kubernetes.io/bootstrapping': 'rbac-defaults' };
const ANNOTATIONS = { 'rbac.authorization.kubernetes.io/autoupdate': 'true' };

const on = (group: string, resources: readonly string[], verbs: readonly string[]): PolicyRule => ({
  apiGroups: [group],
  resources: [...resources],
  verbs: [...verbs],
});

const withStatus = (resources: readonly string[]): readonly string[] =>
  resources.flatMap((one) => [one, `${one}/status`]);
const withScale = (resources: readonly string[]): readonly string[] =>
  resources.flatMap((one) => [one, `${one}/scale`]);

const SCALED = ['deployments', 'replicasets', 'statefulsets'];
const OPEN_CORE = ['configmaps', 'persistentvolumeclaims', 'serviceaccounts', 'services'];
const POD_DOORS = ['pods/attach', 'pods/exec', 'pods/portforward', 'pods/proxy'];

const VIEW: readonly PolicyRule[] = [
  on('', [...OPEN_CORE, 'endpoints', 'pods', ...withScale(['replicationcontrollers'])], READ),
  on('', ['persistentvolumeclaims/status', 'services/status', 'pods/log', 'pods/status'], READ),
  on('', ['bindings', 'events', 'limitranges', ...withStatus(['resourcequotas'])], READ),
  on('', ['namespaces', 'namespaces/status', 'replicationcontrollers/status'], READ),
  on('discovery.k8s.io', ['endpointslices'], READ),
  on('apps', ['controllerrevisions', ...withStatus(['daemonsets', ...SCALED])], READ),
  on('apps', withScale(SCALED), READ),
  on('autoscaling', withStatus(['horizontalpodautoscalers']), READ),
  on('batch', withStatus(['cronjobs', 'jobs']), READ),
  on('policy', withStatus(['poddisruptionbudgets']), READ),
  on('networking.k8s.io', [...withStatus(['ingresses']), 'networkpolicies'], READ),
];

const EDIT: readonly PolicyRule[] = [
  on('', [...POD_DOORS, 'secrets', 'services/proxy'], READ),
  on('', ['serviceaccounts'], ['impersonate']),
  on('', ['pods', ...POD_DOORS, ...OPEN_CORE, 'events', 'secrets', 'services/proxy'], WRITE),
  on('', withScale(['replicationcontrollers']), WRITE),
  on('', ['pods/eviction', 'serviceaccounts/token'], ['create']),
  on('apps', ['daemonsets', 'deployments/rollback', ...withScale(SCALED)], WRITE),
  on('autoscaling', ['horizontalpodautoscalers'], WRITE),
  on('batch', ['cronjobs', 'jobs'], WRITE),
  on('policy', ['poddisruptionbudgets'], WRITE),
  on('networking.k8s.io', ['ingresses', 'networkpolicies'], WRITE),
  on('coordination.k8s.io', ['leases'], [...READ, ...WRITE]),
];

const ADMIN: readonly PolicyRule[] = [
  on('authorization.k8s.io', ['localsubjectaccessreviews'], ['create']),
  on(RBAC, ['rolebindings', 'roles'], [...READ, ...WRITE]),
];

const EVERYTHING: readonly PolicyRule[] = [
  on('*', ['*'], ['*']),
  { nonResourceURLs: ['*'], verbs: ['*'] },
];

const labelOf = (name: string): string => `${RBAC}/aggregate-to-${name}`;

const role = (
  name: string,
  rules: readonly PolicyRule[],
  labels: Readonly<Record<string, string>> = {},
): ClusterRole => ({
  metadata: { name, labels: { ...LABELS, ...labels }, annotations: ANNOTATIONS },
  rules: [...rules],
});

/** `rules` are what the selector finds at the start; authorization itself looks at the selector. */
const sumOf = (name: string, rules: readonly PolicyRule[], into?: string): ClusterRole => ({
  ...role(name, rules, into === undefined ? {} : { [labelOf(into)]: 'true' }),
  aggregationRule: { clusterRoleSelectors: [{ matchLabels: { [labelOf(name)]: 'true' } }] },
});

const part = (name: string, rules: readonly PolicyRule[]): ClusterRole =>
  role(`system:aggregate-to-${name}`, rules, { [labelOf(name)]: 'true' });

const ofUser = (user: string): readonly PolicyRule[] => RULES_OF_USER[user] ?? [];
const isAboutPaths = (rule: PolicyRule): boolean => rule.nonResourceURLs !== undefined;
const paths = (nonResourceURLs: string[]): PolicyRule => ({ nonResourceURLs, verbs: ['get'] });

const HEALTH = ['/healthz', '/healthz/*', '/livez', '/livez/*', '/readyz', '/readyz/*'];
const EVENT_WRITER = ['', 'events.k8s.io'].map((group) =>
  on(group, ['events'], ['create', 'patch', 'update']),
);

export const DEFAULT_ROLES: readonly ClusterRole[] = [
  role('cluster-admin', EVERYTHING),
  sumOf('admin', [...ADMIN, ...EDIT, ...VIEW]),
  sumOf('edit', [...EDIT, ...VIEW], 'admin'),
  sumOf('view', VIEW, 'edit'),
  part('admin', ADMIN),
  part('edit', EDIT),
  part('view', VIEW),
  role('system:auth-delegator', [
    on('authentication.k8s.io', ['tokenreviews'], ['create']),
    on('authorization.k8s.io', ['subjectaccessreviews'], ['create']),
  ]),
  role(
    'system:basic-user',
    AUTHENTICATED_RULES.filter((rule) => !isAboutPaths(rule)),
  ),
  role('system:discovery', [...AUTHENTICATED_RULES.filter(isAboutPaths), ...PUBLIC]),
  role('system:public-info-viewer', PUBLIC),
  role('system:monitoring', [paths([...HEALTH, '/metrics', '/metrics/slis'])]),
  role('system:service-account-issuer-discovery', [
    paths(['/.well-known/openid-configuration', '/openid/v1/jwks']),
  ]),
  role('system:kube-scheduler', ofUser('system:kube-scheduler')),
  role('system:kube-controller-manager', ofUser('system:kube-controller-manager')),
  role('system:node-proxier', ofUser('system:kube-proxy')),
  role('system:kube-dns', ofUser('system:dns')),
  role('system:node', RULES_OF_GROUP['system:nodes'] ?? []),
  role('system:kubelet-api-admin', [
    on('', ['nodes'], [...READ, 'proxy']),
    on('', ['nodes/log', 'nodes/metrics', 'nodes/proxy', 'nodes/stats'], ['*']),
  ]),
  role('system:node-bootstrapper', [
    on('certificates.k8s.io', ['certificatesigningrequests'], ['create', ...READ]),
  ]),
  role('system:node-problem-detector', [
    on('', ['nodes'], ['get']),
    on('', ['nodes/status'], ['patch']),
    ...EVENT_WRITER,
  ]),
  role('system:persistent-volume-provisioner', [
    on('', ['persistentvolumes'], ['create', 'delete', ...READ]),
    on('', ['persistentvolumeclaims'], [...READ, 'update']),
    on('storage.k8s.io', ['storageclasses'], READ),
    on('', ['events'], ['watch']),
    ...EVENT_WRITER,
  ]),
  role('system:volume-scheduler', [
    on('', ['persistentvolumes', 'persistentvolumeclaims'], [...READ, 'patch', 'update']),
    on('storage.k8s.io', ['storageclasses'], READ),
  ]),
];

const user = (name: string): Subject => ({ apiGroup: RBAC, kind: 'User', name });
const group = (name: string): Subject => ({ apiGroup: RBAC, kind: 'Group', name });

const bound = (name: string, ...subjects: Subject[]): ClusterRoleBinding => ({
  metadata: { name, labels: LABELS, annotations: ANNOTATIONS },
  roleRef: { apiGroup: RBAC, kind: 'ClusterRole', name },
  subjects,
});

/** Nodes are left out, as upstream leaves them: their own authorizer knows whose objects they are. */
export const DEFAULT_BINDINGS: readonly ClusterRoleBinding[] = [
  bound('cluster-admin', group(MASTERS)),
  bound('system:basic-user', group(AUTHENTICATED)),
  bound('system:discovery', group(AUTHENTICATED)),
  bound('system:public-info-viewer', group(AUTHENTICATED), group('system:unauthenticated')),
  bound('system:monitoring', group('system:monitoring')),
  bound('system:service-account-issuer-discovery', group('system:serviceaccounts')),
  bound('system:kube-scheduler', user('system:kube-scheduler')),
  bound('system:volume-scheduler', user('system:kube-scheduler')),
  bound('system:kube-controller-manager', user('system:kube-controller-manager')),
  bound('system:node-proxier', user('system:kube-proxy')),
  bound('system:kube-dns', user('system:dns')),
];
