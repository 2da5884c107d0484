// Which resources the API server stores and lists. Namespaces are emptied and owners are followed
// across all of them, so nobody keeps a list of kinds by hand.

import { hasReason } from '../machinery/errors.ts';
import type { Transport } from '../machinery/transport.ts';
import { RESOURCES } from '../proto/generated/resources.ts';
import { qualifiedNameOf, type Resource } from '../proto/resource.ts';

/** Questions and commands that look like kinds: nothing of them is stored. */
const VIRTUAL_GROUPS = new Set(['authentication.k8s.io', 'authorization.k8s.io']);
const VIRTUAL_KINDS = new Set(['Binding', 'ComponentStatus']);

export interface ServedResources {
  /** One entry per stored resource; asked once, again only after a failure. */
  all(): Promise<readonly Resource[]>;
}

export function servedResources(transport: Transport): ServedResources {
  let answer: Promise<readonly Resource[]> | undefined;
  return {
    all() {
      answer ??= discover(transport).catch((error: unknown) => {
        answer = undefined;
        throw error;
      });
      return answer;
    },
  };
}

/** The same objects in two versions, or in two groups, count once: the first one that is served. */
async function discover(transport: Transport): Promise<readonly Resource[]> {
  const candidates = RESOURCES.filter(
    ({ group, kind }) => !VIRTUAL_GROUPS.has(group) && !VIRTUAL_KINDS.has(kind),
  );
  const answers = await Promise.all(candidates.map((resource) => isListable(transport, resource)));
  const byName = new Map<string, Resource>();
  candidates.forEach((resource, index) => {
    const name = qualifiedNameOf(resource);
    if (answers[index] && !byName.has(name)) byName.set(name, resource);
  });
  if (byName.has('events')) byName.delete('events.events.k8s.io');
  return [...byName.values()];
}

async function isListable(transport: Transport, resource: Resource): Promise<boolean> {
  try {
    await transport.list(resource, { limit: 1 });
    return true;
  } catch (error) {
    if (hasReason(error, 'NotFound', 'MethodNotAllowed', 'Forbidden')) return false;
    throw error;
  }
}
