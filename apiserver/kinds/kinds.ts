// All kinds that are served, in the order of discovery. A kind that is not here has no URL.
// Left out on purpose: kinds that promise behaviour nothing carries out yet (webhooks, CRDs,
// aggregated APIs, flow control). The reviews and the like are served by doors of their own.

import type { ApiObject } from '../../proto/resource.ts';
import { eraseKind, type Kind } from '../registry/kind.ts';
import * as apps from './apps.ts';
import * as batch from './batch.ts';
import { configMapKind, secretKind } from './configuration.ts';
import { deploymentKind } from './deployment.ts';
import { endpointSliceKind, endpointsKind } from './endpoints.ts';
import { eventKind } from './event.ts';
import { leaseKind } from './lease.ts';
import { namespaceKind } from './namespace.ts';
import * as networking from './networking.ts';
import { nodeKind } from './node.ts';
import { podKind } from './pod.ts';
import * as policy from './policy.ts';
import * as rbac from './rbac.ts';
import { replicaSetKind } from './replica-set.ts';
import { serviceKind } from './service.ts';
import { serviceAccountKind } from './service-account.ts';
import * as storage from './storage.ts';
import * as views from './views.ts';

const core: readonly Kind[] = [
  eraseKind(configMapKind),
  eraseKind(endpointsKind),
  eraseKind(eventKind),
  eraseKind(policy.limitRangeKind),
  eraseKind(namespaceKind),
  eraseKind(nodeKind),
  eraseKind(storage.persistentVolumeClaimKind),
  eraseKind(storage.persistentVolumeKind),
  eraseKind(podKind),
  eraseKind(apps.podTemplateKind),
  eraseKind(apps.replicationControllerKind),
  eraseKind(policy.resourceQuotaKind),
  eraseKind(secretKind),
  eraseKind(serviceAccountKind),
  eraseKind(serviceKind),
];

const workloads: readonly Kind[] = [
  eraseKind(apps.controllerRevisionKind),
  eraseKind(apps.daemonSetKind),
  eraseKind(deploymentKind),
  eraseKind(replicaSetKind),
  eraseKind(apps.statefulSetKind),
  eraseKind(policy.horizontalPodAutoscalerKind),
  eraseKind(views.autoscalerV1Kind),
  eraseKind(batch.cronJobKind),
  eraseKind(batch.jobKind),
];

const cluster: readonly Kind[] = [
  eraseKind(policy.certificateSigningRequestKind),
  eraseKind(leaseKind),
  eraseKind(endpointSliceKind),
  eraseKind(views.eventV1Kind),
  eraseKind(networking.ingressClassKind),
  eraseKind(networking.ingressKind),
  eraseKind(networking.networkPolicyKind),
  eraseKind(policy.runtimeClassKind),
  eraseKind(policy.podDisruptionBudgetKind),
  eraseKind(rbac.clusterRoleBindingKind),
  eraseKind(rbac.clusterRoleKind),
  eraseKind(rbac.roleBindingKind),
  eraseKind(rbac.roleKind),
  eraseKind(policy.priorityClassKind),
  eraseKind(storage.csiDriverKind),
  eraseKind(storage.csiNodeKind),
  eraseKind(storage.csiStorageCapacityKind),
  eraseKind(storage.storageClassKind),
  eraseKind(storage.volumeAttachmentKind),
  eraseKind(storage.volumeAttributesClassKind),
];

export const KINDS: readonly Kind<ApiObject>[] = [...core, ...workloads, ...cluster];
