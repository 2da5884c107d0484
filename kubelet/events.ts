// Events about pods and their containers, in the form that `kubectl describe` groups by container.

import type { EventRecorder, EventType } from '../client/event-recorder.ts';
import type { ObjectReference, Pod } from '../proto/generated/core.v1.ts';
import type { EventSubject, PodEvents } from './pods/parts.ts';

export const podEvents = (recorder: EventRecorder): PodEvents => {
  const tell = (about: EventSubject, type: EventType, [reason, message]: [string, string]): void =>
    recorder.event(referenceTo(about), type, reason, message);
  return {
    normal: (about, reason, message) => tell(about, 'Normal', [reason, message]),
    warning: (about, reason, message) => tell(about, 'Warning', [reason, message]),
  };
};

function referenceTo({ pod, container }: EventSubject): ObjectReference {
  const { namespace, name, uid, resourceVersion } = pod.metadata;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    name,
    ...(namespace !== undefined && { namespace }),
    ...(uid !== undefined && { uid }),
    ...(resourceVersion !== undefined && { resourceVersion }),
    ...(container !== undefined && { fieldPath: fieldPathOf(pod, container) }),
  };
}

function fieldPathOf({ spec }: Pod, container: string): string {
  const isInit = spec.initContainers?.some(({ name }) => name === container) ?? false;
  return `spec.${isInit ? 'initContainers' : 'containers'}{${container}}`;
}
