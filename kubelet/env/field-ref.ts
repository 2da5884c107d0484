// The downward API: what a pod may learn of itself, by field path or as a share of its resources.

import { milliValueOf, parseQuantity } from '../../machinery/quantity.ts';
import type {
  Container,
  ObjectFieldSelector,
  Pod,
  ResourceFieldSelector,
} from '../../proto/generated/core.v1.ts';

export interface SelfKnowledge {
  readonly pod: Pod;
  readonly podIp: string;
  readonly nodeIp: string;
  /** What a container without a limit may use: the whole node. */
  readonly allocatable: Readonly<Record<string, string>>;
}

const SUBSCRIPT = /^metadata\.(labels|annotations)\['(.*)'\]$/;

/** Undefined: there is no such field. An absent label is an empty text. */
export function fieldValue(
  { pod, podIp, nodeIp }: SelfKnowledge,
  { fieldPath }: ObjectFieldSelector,
): string | undefined {
  const { metadata, spec } = pod;
  const subscript = SUBSCRIPT.exec(fieldPath);
  if (subscript) return metadata[subscript[1] as 'labels' | 'annotations']?.[subscript[2]!] ?? '';
  switch (fieldPath) {
    case 'metadata.name':
      return metadata.name;
    case 'metadata.namespace':
      return metadata.namespace ?? '';
    case 'metadata.uid':
      return metadata.uid ?? '';
    case 'metadata.labels':
      return linesOf(metadata.labels);
    case 'metadata.annotations':
      return linesOf(metadata.annotations);
    case 'spec.nodeName':
      return spec.nodeName ?? '';
    case 'spec.serviceAccountName':
      return spec.serviceAccountName ?? '';
    case 'status.hostIP':
    case 'status.hostIPs':
      return nodeIp;
    case 'status.podIP':
    case 'status.podIPs':
      return podIp;
    default:
      return undefined;
  }
}

/** `key="value"`, a line each, sorted by key: the form of downward API files. */
const linesOf = (map: Readonly<Record<string, string>> = {}): string =>
  Object.keys(map)
    .toSorted()
    .map((key) => `${key}=${JSON.stringify(map[key])}`)
    .join('\n');

/** Undefined: there is no such resource field. */
export function resourceValue(
  { allocatable }: SelfKnowledge,
  container: Container,
  { resource, divisor }: ResourceFieldSelector,
): string | undefined {
  const match = /^(limits|requests)\.(.+)$/.exec(resource);
  if (!match) return undefined;
  const [, list, name] = match as unknown as [string, 'limits' | 'requests', string];
  const given = container.resources?.[list]?.[name];
  const text = given ?? (list === 'limits' ? allocatable[name] : undefined) ?? '0';
  const unit = divisor === undefined || milliValueOf(divisor) === 0 ? '1' : divisor;
  const { nanos } = parseQuantity(text);
  const step = parseQuantity(unit).nanos;
  return String((nanos + step - 1n) / step); // Rounded up: a share is never told too small.
}
