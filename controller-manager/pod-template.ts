// From a pod template to a pod, and to the hash that names a ReplicaSet after its template.

import type { Pod, PodTemplateSpec } from '../proto/generated/core.v1.ts';
import type { OwnerReference } from '../proto/generated/meta.v1.ts';

/** No vowels and no look-alikes: a hash must not spell a word. */
const HASH_ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';

const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/** The pod to create; the server makes its name from `<namePrefix>`. */
export function podFrom(
  template: PodTemplateSpec,
  { namespace, namePrefix }: { readonly namespace: string; readonly namePrefix: string },
  owner: OwnerReference,
): Pod {
  const { labels, annotations, finalizers } = template.metadata ?? {};
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: '',
      namespace,
      generateName: namePrefix,
      ...(labels && { labels }),
      ...(annotations && { annotations }),
      ...(finalizers && { finalizers }),
      ownerReferences: [owner],
    },
    spec: template.spec,
  };
}

/**
 * Short, stable over restarts and releases: FNV-1a over the canonical JSON. `collisions` gives
 * the next candidate when a name is taken by something else.
 */
export function templateHash(template: PodTemplateSpec, collisions = 0): string {
  return hashOf(template, collisions === 0 ? '' : `#${collisions}`);
}

/** A short name for a JSON value; the order of keys does not matter. */
export function hashOf(value: unknown, salt = ''): string {
  const text = canonicalJson(value) + salt;
  let hash = FNV_OFFSET;
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), FNV_PRIME);
  }
  return [...String(hash >>> 0)].map((digit) => HASH_ALPHABET[Number(digit)]).join('');
}

/** Keys sorted, absent members dropped: equal values give equal text. */
function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member)}`);
  return `{${members.join(',')}}`;
}
