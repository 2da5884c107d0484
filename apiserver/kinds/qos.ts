// The quality-of-service class of a pod, from its requests and limits of cpu and memory.

import { milliValueOf } from '../../machinery/quantity.ts';
import type { Container, PodSpec } from '../../proto/generated/core.v1.ts';
import { allContainers } from './pod-defaults.ts';

export type QosClass = 'Guaranteed' | 'Burstable' | 'BestEffort';

const COUNTED = ['cpu', 'memory'] as const;

export function qosClassOf(spec: PodSpec): QosClass {
  const containers = allContainers(spec);
  if (containers.every((one) => !COUNTED.some((name) => isGiven(one, name)))) return 'BestEffort';
  return containers.every(isGuaranteed) ? 'Guaranteed' : 'Burstable';
}

const isGiven = ({ resources }: Container, name: string): boolean =>
  milliValueOf(resources?.requests?.[name]) > 0 || milliValueOf(resources?.limits?.[name]) > 0;

const isGuaranteed = ({ resources }: Container): boolean =>
  COUNTED.every((name) => {
    const limit = milliValueOf(resources?.limits?.[name]);
    return limit > 0 && milliValueOf(resources?.requests?.[name]) === limit;
  });
