// How firmly a pod's resources are promised to it. Source: Kubernetes' quality of service classes.

import { milliValueOf } from '../../machinery/quantity.ts';
import type { Container, Pod, PodStatus } from '../../proto/generated/core.v1.ts';

type Qos = NonNullable<PodStatus['qosClass']>;

const COUNTED = ['cpu', 'memory'] as const;

export function qosOf({ spec }: Pod): Qos {
  const all = [...spec.containers, ...(spec.initContainers ?? [])];
  if (all.every(asksNothing)) return 'BestEffort';
  return all.every(isGuaranteed) ? 'Guaranteed' : 'Burstable';
}

const amount = (list: Record<string, string> | undefined, name: string): number =>
  milliValueOf(list?.[name]);

const asksNothing = ({ resources }: Container): boolean =>
  COUNTED.every(
    (name) => amount(resources?.requests, name) === 0 && amount(resources?.limits, name) === 0,
  );

function isGuaranteed({ resources }: Container): boolean {
  return COUNTED.every((name) => {
    const limit = amount(resources?.limits, name);
    const request = resources?.requests?.[name];
    return limit > 0 && (request === undefined || milliValueOf(request) === limit);
  });
}
